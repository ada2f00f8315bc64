"""The payees of ``allow`` and ``deny``, in the form in which each rail writes an account."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from riel.errors import Misconfigured
from riel.guards.limits.settings import LimitsSettings, LimitsTable
from riel.money import mask_account

ParseAccount = Callable[[str], str]
"""Returns an account as its rail writes it, or raises ``ValueError``."""

_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of one list: as each rail writes them, and as they were written for rails that do not say.

    ``loose`` has the letters and digits alone, without zeros in front: for ``deny`` that is enough, since a payee who
    is refused by mistake loses nothing.
    """

    by_rail: Mapping[str, frozenset[str]]
    written: frozenset[str]
    loose: frozenset[str] = field(default=frozenset())

    def allows(self, rail: str, account: str) -> bool:
        """Whether the account is one of them."""
        return account in self.by_rail.get(rail, self.written)

    def denies(self, rail: str, account: str) -> bool:
        """Whether the account is one of them, or is written like one of them."""
        return self.allows(rail, account) or account in self.written or loosely(account) in self.loose


def loosely(account: str) -> str:
    """The letters and digits of an account, in lower case and without zeros in front."""
    return _SEPARATORS.sub("", account).casefold().lstrip("0")


def read_accounts(entries: Iterable[str], parsers: Mapping[str, ParseAccount]) -> Accounts:
    """The list as every rail writes it. An entry that a rail refuses is none of its accounts."""
    entries = frozenset(entries)
    by_rail = {
        rail: frozenset(account for entry in entries if (account := _parsed(parse, entry)[0]) is not None)
        for rail, parse in parsers.items()
    }
    loose = frozenset(text for entry in entries if (text := loosely(entry)))
    return Accounts(by_rail, entries, loose)


def check_accounts(settings: LimitsSettings, parsers: Mapping[str, ParseAccount], rails: Iterable[str]) -> None:
    """Refuse an entry that no rail can pay, because it would match nothing.

    :param parsers: those of the active rails that declare one.
    :param rails: all active rails.
    :raises Misconfigured: it names the list and the entry.
    """
    rails = frozenset(rails)
    for heading, table, names in _tables(settings, rails):
        unchecked = names - set(parsers)
        for name, entries in _lists(table):
            for entry in sorted(entries):
                outcomes = [(rail, _parsed(parsers[rail], entry)) for rail in sorted(names & set(parsers))]
                if outcomes and not unchecked and all(account is None for _, (account, _) in outcomes):
                    why = "; ".join(f"{rail}: {reason}" for rail, (_, reason) in outcomes)
                    raise Misconfigured(f"{heading} {name}: the entry {mask_account(entry)} is no account ({why})")


def _tables(settings: LimitsSettings, rails: frozenset[str]) -> Iterable[tuple[str, LimitsTable, frozenset[str]]]:
    """Each table with its heading, and the active rails that it applies to."""
    for heading, table in settings.tables:
        kind, _, name = heading.strip("[]").removeprefix("limits").removeprefix(".").partition(".")
        yield heading, table, rails & {name} if kind == "rail" else rails


def _lists(table: LimitsTable) -> Iterable[tuple[str, frozenset[str]]]:
    return [(name, entries) for name, entries in (("allow", table.allow), ("deny", table.deny)) if entries is not None]


def _parsed(parse: ParseAccount, entry: str) -> tuple[str | None, str]:
    """The account, or why the rail refuses it, without the entry."""
    try:
        account = parse(entry)
    except ValueError as refused:
        return None, str(refused).replace(entry, mask_account(entry))
    except Exception as failure:  # a rail's own code
        return None, f"its check failed with {type(failure).__name__}"
    return (account, "") if isinstance(account, str) and account else (None, "its check returned no text")
