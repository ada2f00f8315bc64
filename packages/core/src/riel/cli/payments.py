"""``riel payments``: what the journal holds of payments and refunds, and the two things a person decides about them."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, get_args

import typer

from riel.cli.json_output import AsJson, print_json
from riel.cli.records import (
    challenge_data,
    events_data,
    failed,
    journal_place,
    os_user,
    payment_data,
    with_journal,
)
from riel.clock import utc_now
from riel.config import read_settings
from riel.errors import Misconfigured
from riel.installed_packages import installed_packages
from riel.journal import AttemptLimits, Challenge, Event, Journal, PaymentRecord, State
from riel.journal.pagination import iterate_payments
from riel.rail import Mode
from riel.text import clean_text

ATTENTION = (State.REVIEW, State.UNKNOWN, State.SENDING)
"""What may need a person: an operator must decide what is in review, and what is unknown is still looked up. What is
being sent needs somebody only where its server has died."""

MAX_EVIDENCE = 500

payments = typer.Typer(help="List payments, or show the whole life of one.")

OfRail = Annotated[str | None, typer.Option("--rail", help="The rail it went by.")]
Which = Annotated[str, typer.Argument(metavar="ID|REFERENCE", help="riel's own id, or the reference the rail knows.")]


class Resolution(StrEnum):
    """What an operator may find out."""

    SETTLED = "settled"
    REJECTED = "rejected"


@payments.callback(invoke_without_command=True)
def list_payments(
    context: typer.Context,
    attention: Annotated[bool, typer.Option("--attention", help="The same as riel payments list --attention.")] = False,
) -> None:
    """List payments, or show the whole life of one."""
    if context.invoked_subcommand is not None:
        if attention:
            raise Misconfigured("--attention belongs behind the command: riel payments list --attention")
    elif attention:
        _list(attention=True)
    else:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)


@payments.command("list")
def _list(
    state: Annotated[
        list[State] | None, typer.Option(metavar="STATE", help="Only those in this state; may be given again.")
    ] = None,
    rail: OfRail = None,
    attention: Annotated[
        bool, typer.Option("--attention", help="Only those in review, the unknown, and those whose server died.")
    ] = False,
    as_json: AsJson = False,
    most: Annotated[int, typer.Option("-n", min=1, max=1_000_000, metavar="N", help="How many at most.")] = 50,
) -> None:
    """List payments and refunds, the newest first."""
    chosen = set(state or ())

    async def work(journal: Journal) -> Sequence[PaymentRecord]:
        if not attention:
            return await journal.payments(states=chosen, rail=rail, most=most + 1)
        records: list[PaymentRecord] = []
        async for record in iterate_payments(journal, states={*chosen, *ATTENTION}, rail=rail):
            is_being_sent = record.state is State.SENDING and record.state not in chosen
            if not (is_being_sent and record.owner and await journal.is_owner_alive(record.owner)):
                records.append(record)
            if len(records) > most:
                break
        return records

    settings = read_settings()
    records = with_journal(work)
    shown = [payment_data(record) for record in records[:most]]
    if as_json:
        print_json({"payments": shown, "more": len(records) > most})
        return
    from riel.cli.tables import payments_parts, print_parts

    print_parts(
        *payments_parts(shown),
        "There are older ones: -n" * (len(records) > most),
        f"The journal is {journal_place(settings)}; the settings come from {settings.source}.",
    )


@payments.command()
def show(
    which: Which,
    rail: OfRail = None,
    as_json: AsJson = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Show the payee's account whole, which needs a terminal.")
    ] = False,
) -> None:
    """Show one payment or refund, and everything that was ever recorded of it.

    The account is masked, unless --whole asks for it: a pipe, a log or a mail keeps what it gets.
    """
    if whole and (as_json or not sys.stdout.isatty()):
        raise Misconfigured("--whole shows an account on a terminal: run it in one, without a pipe and without --json")

    async def work(journal: Journal) -> tuple[PaymentRecord | None, Challenge | None, Sequence[Event]]:
        record = await _find(journal, which, rail)
        payment_id = record.id if record else which
        return record, await journal.challenge(payment_id), await journal.events(payment_id)

    record, question, events = with_journal(work)
    if question is None:
        raise _unknown(which)
    document = {
        "payment": payment_data(record) if record else None,
        "question": challenge_data(question),
        "events": events_data(events, question.payee.account),
    }
    if as_json:
        print_json(document)
        return
    from riel.cli.tables import payment_tables, print_parts

    account = f"The payee's whole account: {clean_text(question.payee.account)}" if whole else ""
    print_parts(account, *payment_tables(document))


@payments.command()
def decline(payment_id: Annotated[str, typer.Argument(metavar="ID", help="The paymentId of the question.")]) -> None:
    """Say no to a payment that waits for a code: it is then not made, and the agent is told not to ask again."""
    by = os_user()

    async def work(journal: Journal) -> tuple[Challenge | None, Challenge | None, PaymentRecord | None]:
        declined = await journal.decline(payment_id, by, utc_now())
        return declined, await journal.challenge(payment_id), await journal.payment(payment_id)

    declined, known, record = with_journal(work)
    if known is None:
        raise _unknown(payment_id)
    if declined is None:
        ended = f"confirmed before, and is {record.state}" if record else f"{known.state} before"
        raise failed(f"{payment_id} was {ended}: there is nothing left to decline")
    sys.stdout.write(f"Declined by {by}: {clean_text(declined.text, most=1000)}\n")


@payments.command()
def unlock(
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Who confirms again: RIEL_PRINCIPAL.")],
) -> None:
    """Let a principal confirm again whom ten wrong codes have locked out for an hour.

    It needs a terminal, and the audit record notes it. A challenge that five wrong codes have closed stays closed. Find
    out first who entered those codes: each further ten are guesses too.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Misconfigured("riel payments unlock is for a person at a terminal: run it in one, without a pipe")
    by = os_user()
    count = with_journal(lambda journal: journal.unlock_principal(principal, by, utc_now(), AttemptLimits()))
    shown = clean_text(principal, most=80)
    if not count:
        raise failed(f"{shown!r} has entered no wrong code within the last hour, so there is nothing to unlock")
    sys.stdout.write(f"{shown} may confirm again: {count} wrong codes of the last hour no longer count.\n")


@payments.command()
def decide(
    which: Which,
    outcome: Annotated[
        Resolution, typer.Argument(metavar="settled|rejected", help="What became of it, as you found out.")
    ],
    evidence: Annotated[str, typer.Option(metavar="TEXT", help="How you know it: this is recorded.")],
    rail: OfRail = None,
) -> None:
    """Decide what became of a payment in review, which the rail could not tell."""
    by, reason = os_user(), clean_text(evidence, most=len(evidence) + 1)
    if not 0 < len(reason) <= MAX_EVIDENCE:
        raise Misconfigured(f"--evidence is 1 to {MAX_EVIDENCE} characters that say how you know")

    async def work(journal: Journal) -> tuple[PaymentRecord | None, PaymentRecord | None]:
        record = await _find(journal, which, rail)
        if record is None:
            return None, None
        return record, await journal.resolve_manually(record.id, State(outcome.value), by, reason, utc_now())

    record, decided = with_journal(work)
    if record is None:
        raise _unknown(which)
    if decided is None:
        raise failed(f"{record.id} is {record.state}: an operator decides only what is in review")
    sys.stdout.write(f"{record.id} is {decided.state} now, as {by} decided.\n")


async def _find(journal: Journal, which: str, rail: str | None) -> PaymentRecord | None:
    """By its id, or by its reference at whatever rail is installed or named.

    :raises Misconfigured: several rails know that reference.
    """
    if record := await journal.payment(which):
        return record
    rails = {rail} if rail else installed_packages().names
    modes: tuple[Mode, ...] = get_args(Mode)
    looked = [await journal.by_reference(name, mode, which) for name in sorted(rails) for mode in modes]
    records = [record for record in looked if record is not None]
    if len(records) > 1:
        several = ", ".join(f"{record.id} ({record.rail}, {record.mode})" for record in records)
        raise Misconfigured(f"several payments have that reference: give the id of one of them: {several}")
    return records[0] if records else None


def _unknown(which: str) -> typer.Exit:
    hint = "look at riel payments list; one that went by a rail which is not installed needs --rail"
    return failed(f"there is no payment {clean_text(which, most=80)!r} in this journal: {hint}")
