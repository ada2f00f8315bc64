"""``riel audit``: verify the record, anchor it, and export it."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riel.cli.records import failed, stamp, with_journal
from riel.clock import utc_now
from riel.errors import Misconfigured
from riel.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from riel.journal import Anchor, ChainBreak, Journal
    from riel.journal.audit.verify_export import ExportReport, NotedAnchor
    from riel.journal.row_mac import RowMac

NOTED = re.compile(r"(?:(\d{1,18}):)?([0-9a-f]{64})", re.IGNORECASE)

audit = typer.Typer(help="Verify that no recorded event was altered, removed or reordered.", no_args_is_help=True)


@audit.command()
def verify(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="What riel audit export wrote, or - for stdin.")
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(metavar="[N:]HASH", help="An anchor noted earlier that must be there; may be given again."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The folder of server.key, which checks the MACs of FILE too.")
    ] = None,
) -> None:
    """Check every event against its chain, and the chains against the anchors over them.

    Without FILE it is the journal that is checked: every row as well, with the server's key. With one, no journal,
    setting or rail is needed. The exit code is 1 where something does not hold, and the first such place is named.
    """
    expected_anchors = [_noted(each) for each in anchor or ()]
    if file is not None:
        _verify_file(file, expected_anchors, _mac_of(key))
        return

    async def work(journal: "Journal") -> "tuple[int, ChainBreak | None, Sequence[Anchor], bool]":
        from riel.cli.export import progress_bar

        anchors = await journal.anchors()
        with progress_bar(sum(anchor.count for anchor in anchors)) as show:
            return *await journal.verify(show), anchors, journal.has_key

    count, broken, anchors, has_key = with_journal(work)
    if broken is not None:
        raise failed(f"the record does not hold: {broken.sentence}")
    for each in expected_anchors:
        if not any(known.hash == each.hash and each.n in {None, known.n} for known in anchors):
            raise failed("the record does not hold: an anchor that was noted is not in it: it was rewritten")
    unproven = "" if has_key else " Whether riel wrote them was not checked: the server's key is not here."
    sys.stdout.write(f"{count} event{'s' * (count != 1)}: none was altered, removed or reordered.{unproven}\n")


@audit.command()
def anchor() -> None:
    """Seal every event since the last anchor, so that a whole chain cannot be taken out unseen.

    A server does that every five minutes, and when it ends. Note the newest anchor down where nobody who can write to
    the journal can: riel audit verify --anchor then tells whether the record was rewritten since.
    """

    async def work(journal: "Journal") -> "tuple[Anchor | None, Sequence[Anchor]]":
        return await journal.anchor(utc_now()), await journal.anchors()

    sealed, anchors = with_journal(work)
    sys.stdout.write("Sealed.\n" if sealed else "Nothing was written since the last anchor.\n")
    if anchors:
        sys.stdout.write(newest(anchors[-1]))


@audit.command()
def export(
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; it must not exist. Otherwise to stdout.")
    ] = None,
) -> None:
    """Seal the record and write all of it as JSON Lines, for whoever is to check it: riel audit verify FILE.

    Account numbers are masked in it, and codes are not in it. The exit code is 1 where the record does not hold: it is
    written all the same.
    """
    from riel.cli.export import export_record

    written = export_record(to)
    if written.broken is not None:
        raise failed(f"it was written, but the record does not hold: {_place(written)}")
    if written.newest is not None:
        sys.stderr.write(newest(written.newest))


def newest(anchor: "Anchor") -> str:
    """An anchor, as it is to be noted down and given to ``--anchor``."""
    return f"The newest anchor is {anchor.n}:{anchor.hash}\n"


def _mac_of(folder: Path | None) -> "RowMac":
    from riel.journal.row_mac import RowMac
    from riel.secrets import ServerKeys, read_server_keys

    if folder is None:
        return RowMac()
    versions = read_server_keys(folder)
    keys = ServerKeys.choose(versions, versions[0].id) if versions else None
    if keys is None:
        raise Misconfigured(f"--key: there is no server.key in {folder}")
    return RowMac(keys)


def _verify_file(file: str, expected_anchors: "Sequence[NotedAnchor]", mac: "RowMac") -> None:
    from riel.journal.audit.verify_export import read_lines, verify_lines

    try:
        if file == "-":
            result = verify_lines(read_lines(sys.stdin.buffer), expected_anchors, mac)
        else:
            with Path(file).open("rb") as opened:
                result = verify_lines(read_lines(opened), expected_anchors, mac)
    except OSError as failure:
        raise Misconfigured(f"{clean_text(file)} cannot be read: {failure.strerror}") from failure
    if result.broken is not None:
        raise failed(f"the record does not hold: {_place(result)}")
    lives = (
        f"{result.events} event{'s' * (result.events != 1)} of {result.payments} payment{'s' * (result.payments != 1)}"
    )
    sys.stdout.write(f"{lives}: none was altered, removed or reordered.\n")
    if result.newest is not None:
        from riel.journal.columns import from_millis

        sys.stdout.write(f"It was sealed last at {stamp(from_millis(result.newest.at))}. {newest(result.newest)}")
    if mac.has_key:
        sys.stdout.write("Each of them has the MAC of this key: riel wrote it.\n")
    else:
        sys.stdout.write("Whether riel wrote them was not checked: that needs the server's key (--key).\n")


def _place(result: "ExportReport") -> str:
    """Where it breaks. The words of a file are anybody's, so they are cleaned."""
    sentence = clean_text(result.broken.sentence if result.broken else "", most=500)
    return f"line {result.line}: {sentence}"


def _noted(text: str) -> "NotedAnchor":
    from riel.journal.audit.verify_export import NotedAnchor

    match = NOTED.fullmatch(text.strip())
    if match is None:
        raise Misconfigured("--anchor is what riel audit anchor shows: NUMBER:HASH, or the 64 digits of the hash alone")
    return NotedAnchor(match[2].lower(), int(match[1]) if match[1] else None)
