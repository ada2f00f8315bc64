"""Open the journal that a URL names: pick the store, and import only that one."""

from riel.errors import Misconfigured
from riel.journal.protocol import Journal
from riel.journal.row_mac import RowMac


async def open_journal(url: str, mac: RowMac, *, make: bool = True) -> Journal:
    """The journal at ``url``: ``sqlite:///path`` or a plain path, or ``postgresql://…``.

    :param mac: proves the rows. It may have no key yet: see :meth:`Journal.use_keys`.
    :param make: whether it may be made where there is none.
    :raises Misconfigured: no store knows such a URL, or it cannot be opened, or there is none.
    """
    scheme, separator, _ = url.partition("://")
    if separator and scheme in {"postgresql", "postgres"}:
        try:
            from riel.journal.postgres import PostgresJournal
        except ImportError as missing:
            raise Misconfigured(
                "RIEL_JOURNAL: a postgresql:// journal needs asyncpg: pip install 'riel[postgres]'."
            ) from missing
        return await PostgresJournal.open(url, mac, make=make)
    if separator and scheme != "sqlite":
        known = "sqlite:///path or postgresql://host/database"
        raise Misconfigured(f"RIEL_JOURNAL: no store of this riel keeps a {scheme}:// database; write {known}.")
    from riel.journal.sqlite import SqliteJournal

    return SqliteJournal.open(url, mac, make=make)
