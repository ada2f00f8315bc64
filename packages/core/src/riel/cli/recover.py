"""``riel recover``: run recovery once and now, as a server does all the time."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

import typer

from riel.app import open_app
from riel.catalog import Discovery, discover
from riel.cli.json_output import AsJson, print_json
from riel.cli.lookups import OPEN, look_up_open_payments
from riel.cli.records import failed, payment_data, settings_with_a_journal
from riel.config import Settings, check_packages_are_listed, likely_secrets
from riel.errors import JournalUnavailable
from riel.journal import PaymentRecord, State
from riel.journal.pagination import iterate_payments
from riel.payments import PaymentEngine
from riel.payments.engine import MAX_RECOVERING
from riel.redaction import Redactor, configure_log
from riel.secrets import MissingKey
from riel.text import escape_controls

FINAL = (State.SETTLED, State.RETURNED, State.REJECTED)
"""States that are looked up for what may still come, and shown only where it came."""

WAITS = "{count} {payments} not resolved: look at riel payments list --attention"
NO_ANSWER = "The provider of {rail} gave no answer, payments: {count}, reason: {why}."
NONE = "Nothing was due."
ONLY_LOOKED_UP = "without the key, payments are only looked up: nothing is sent, and nothing is recorded"


@dataclass(slots=True)
class RecoveryReport:
    """The payments that were looked up, before and after, and how many stay unresolved or pending.

    ``unanswered`` holds why a provider gave no answer about a payment, by its id.
    """

    looked_up: dict[str, tuple[PaymentRecord, PaymentRecord]] = field(default_factory=dict)
    unresolved: int = 0
    pending: int = 0
    unanswered: dict[str, str] = field(default_factory=dict)


def recover(
    again: Annotated[
        bool,
        typer.Option(
            "--now", help="Everything that is not resolved, also what is not due yet. It may send orders again."
        ),
    ] = False,
    seconds: Annotated[
        float,
        typer.Option(
            "--for", min=0, max=31_536_000, metavar="SECONDS", help="Go on for so long, while anything is not resolved."
        ),
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Find out what became of payments whose outcome is not known, as a server does by itself.

    It asks the rails after everything that is due, and sends an order again where the rail does not have it and
    recognises copies: the same reference and the same bytes, as often as the rail's guarantees let it. It may run
    beside servers: what one of them is at work on is left to it. The exit code is 1 where something is left unresolved.

    Without the server's key it only looks up: it shows what each rail says, sends nothing, and records nothing.
    """
    settings = settings_with_a_journal()
    logs = Redactor(likely_secrets(settings))
    configure_log(logs, settings.log)

    check_packages_are_listed(settings)
    discovery = discover(only=settings.rails)

    async def run() -> RecoveryReport:
        async with open_app(settings, logs, discovery=discovery, recovery=False) as app:
            with _progress() as looked:
                return await run_recovery(app.engine, again=again, within=timedelta(seconds=seconds), looked=looked)

    try:
        report = asyncio.run(run())
    except JournalUnavailable as failure:
        raise failed(str(failure)) from failure
    except MissingKey as failure:
        _only_look_up(settings, discovery, logs, failure, as_json=as_json)
        return
    rows = [{"before": before.state.value, **payment_data(after)} for before, after in report.looked_up.values()]
    if as_json:
        silent = [{"rail": rail, "reason": why, "payments": count} for rail, why, count in no_answers(report)]
        print_json({"looked": rows, "unresolved": report.unresolved, "pending": report.pending, "unanswered": silent})
    else:
        from riel.cli.tables import print_parts, recovery_parts

        waiting = f"{report.pending} accepted, and not settled yet." if report.pending else ""
        shown = [row for row in rows if is_news(State(row["before"]), State(row["state"]))]
        same = len(rows) - len(shown)
        unchanged = f"{same} that had ended {'is' if same == 1 else 'are'} as before." if same else ""
        silent_rails = [NO_ANSWER.format(rail=rail, count=count, why=why) for rail, why, count in no_answers(report)]
        found = recovery_parts(shown) if shown else [] if same else [NONE]
        print_parts(*found, unchanged, waiting, *silent_rails)
    if report.unresolved:
        are = "payment is" if report.unresolved == 1 else "payments are"
        raise failed(WAITS.format(count=report.unresolved, payments=are))


def is_news(before: State, after: State) -> bool:
    """Whether a payment that was looked up is worth a line: all but what had ended and has not changed."""
    return before is not after or after not in FINAL


def _only_look_up(settings: Settings, discovery: Discovery, logs: Redactor, why: MissingKey, *, as_json: bool) -> None:
    """Show what the rails say of the open payments; without the key nothing can be written or sent."""
    sys.stderr.write(f"riel: {escape_controls(str(why))}\nriel: {ONLY_LOOKED_UP}\n")
    rows = asyncio.run(look_up_open_payments(settings, discovery, logs))
    if as_json:
        print_json({"looked": rows, "unresolved": len(rows), "pending": 0})
    else:
        from riel.cli.tables import lookup_table, print_parts

        print_parts(lookup_table(rows) if rows else NONE)
    if rows:
        raise typer.Exit(1)


async def run_recovery(
    engine: PaymentEngine, *, again: bool, within: timedelta, looked: Callable[[], None] = lambda: None
) -> RecoveryReport:
    """Resolve what is due, each payment once; with ``within``, as often as it falls due until that is over.

    :param again: begin with everything that is open, due or not.
    :param looked: called whenever one was looked at.
    :raises JournalUnavailable: it could not be read or written.
    """
    report, now = RecoveryReport(), engine.context.now
    working: dict[asyncio.Task[PaymentRecord], PaymentRecord] = {}
    pause = engine.context.timing.poll_interval.total_seconds()
    began = now()

    async def wait() -> None:
        """Until one of those under way is done, or something else may be due."""
        done, _ = await asyncio.wait(working, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            before = working.pop(task)
            first, _ = report.looked_up.get(before.id, (before, before))
            report.looked_up[before.id] = first, task.result()
            looked()

    if again:
        async for record in iterate_payments(engine.context.journal, states=OPEN):
            if (begun := await engine.claim_one(record)) is not None:
                working[begun[1]] = begun[0]
            while len(working) >= MAX_RECOVERING:
                await wait()
    while not within or now() < began + within:
        working |= {task: before for before, task in await engine.claim_due(now() if within else began)}
        if working:
            await wait()
        elif within and await _any_open(engine):
            await asyncio.sleep(pause)
        else:
            break
    while working:
        await wait()
    await _count(engine, report)
    report.unanswered |= {
        id_: silence.why for id_, silence in engine.context.unanswered.items() if id_ in report.looked_up
    }
    return report


def no_answers(report: RecoveryReport) -> Sequence[tuple[str, str, int]]:
    """Rail, reason and number of the payments about which a provider gave no answer."""
    counted = Counter((report.looked_up[id_][1].rail, why) for id_, why in report.unanswered.items())
    return [(rail, why, count) for (rail, why), count in sorted(counted.items())]


async def _any_open(engine: PaymentEngine) -> bool:
    async for record in iterate_payments(engine.context.journal, states=OPEN):
        if record.next_at is not None and engine.context.can_ask(record):
            return True
    return False


async def _count(engine: PaymentEngine, report: RecoveryReport) -> None:
    async for record in iterate_payments(engine.context.journal, states=(*OPEN, State.REVIEW)):
        if record.state is State.PENDING:
            report.pending += 1
        elif record.state is not State.SENDING or not engine.context.can_ask(record):
            report.unresolved += 1  # what is being sent by a living server right now needs nobody


@contextmanager
def _progress() -> Iterator[Callable[[], None]]:
    """A count for whoever waits at a terminal, on stderr."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = TextColumn("looked at {task.completed}")
    with Progress(columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("")
        yield lambda: progress.advance(task)
