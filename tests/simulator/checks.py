"""The promises, checked after every commit and every event at the bank, on tables of their own.

What is allowed is written down here once more and not imported: code that is wrong must not excuse itself.
"""

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from riel import Money, Status
from riel.confirm import ConfirmationRequest
from riel.journal import Challenge, PaymentRecord
from riel.journal.audit.chain import link
from riel.journal.columns import from_millis
from riel.payments.rules import NEVER_SENT

from .bank_traits import SKEW
from .loop import PROCESS, SimProcess

if TYPE_CHECKING:
    from .bookings import SimBooking
    from .simulation import Simulation

PROMISES = {
    "once": "at most one debit for a payment and its confirmation",
    "written first": "nothing leaves before it is written down, and every copy is counted first",
    "confirmed": "what is paid was confirmed, exactly so, by the person, in time, and once",
    "payer": "money leaves only the account that the person was shown",
    "tries": "a try is counted before it is compared, and no more are compared than may be",
    "truth": "settled means one debit, rejected none",
    "told": "what an agent is told is in the record, is true, and is never taken back",
    "joined": "a repeated call gets the payment that its code confirmed, or its id where a newer challenge is open",
    "refunds": "no more is paid back than was paid",
    "limits": "what may move money stays within the limits, and nothing is held for what cannot",
    "lease": "no doubt and no bad news but from who holds the lease, and nobody is robbed of it",
    "life": "a payment goes only where it may",
    "chain": "every change is in the chain, and the chain holds",
    "outbox": "one message for each transition that is announced, in the same transaction",
    "resend": "nothing is sent again that could be booked again",
    "resolved": "once the simulation is calm nothing stays unclear that can be made clear",
    "words": "a call ends with an answer, or fails in words of riel",
}

AGAINST_AN_ATTACKER = {"once", "confirmed", "resend", "resolved"}
"""What must hold also where somebody without the key edits rows of the journal."""

TRANSITIONS = {
    "": {"open", "refused"},
    "open": {"sending", "locked", "expired", "declined"},
    "sending": {"sending", "pending", "settled", "returned", "unknown", "rejected", "review"},
    "unknown": {"sending", "pending", "settled", "returned", "rejected", "review"},
    "pending": {"settled", "returned", "rejected", "review"},
    "rejected": {"pending", "settled", "returned", "review"},
    "review": {"pending", "settled", "returned", "rejected"},
    "settled": {"returned", "review"},
}
CONCLUDED = {"sending", "unknown", "rejected", "review"}
ANNOUNCED = {"settled", "returned", "rejected", "review"}
PAYMENTS = (
    "SELECT id, state, reference, amount, account, payer, principal, refund_of, owner FROM payments ORDER BY rowid"
)
CHALLENGES = "SELECT id, state, reservations, kind, amount FROM challenges"
EVENTS = "SELECT seq, payment_id, n, at, event, body, hash FROM events WHERE seq > ? ORDER BY seq"


@dataclass
class ShownTerms:
    """What a person was shown under one challenge, and what became of it."""

    principal: str
    account: str
    payer: str
    money: Money
    original: str
    until: float
    declined: bool = False

    @property
    def terms(self) -> tuple[str, str, str, Money, str]:
        """What was confirmed."""
        return self.principal, self.account, self.payer, self.money, self.original


@dataclass
class ChainState:
    """What the chain of one challenge and its payment says so far."""

    n: int = 0
    hash: str = ""
    state: str = ""
    path: list[str] = field(default_factory=list)


@dataclass
class JournalState:
    """What the checks know from the journal, as of a copy of it."""

    known: dict[str, ChainState]
    answers: dict[str, list[str]]
    copies: Counter[str]
    compared: Counter[str]
    seq: int
    announced: int


class Checks:
    """Sees everything that becomes true and says which promise it broke first."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.broken: tuple[str, str] | None = None
        self.shown: dict[str, ShownTerms] = {}
        self.known: dict[str, ChainState] = {}
        self._answers: dict[str, list[str]] = {}
        self._ids: dict[str, str] = {}
        self._owners: dict[str, str | None] = {}
        self.checked: set[str] | None = None
        self._copies: Counter[str] = Counter()
        self._left: set[str] = set()
        self._compared: Counter[str] = Counter()
        self._seq = 0
        self._announced = 0
        self.attacked = False
        self.touched: set[str] = set()

    def fail(self, promise: str, sentence: str) -> None:
        """Remember the first one. Where somebody edits the journal, only what leaves and what is booked counts."""
        if self.attacked and promise not in AGAINST_AN_ATTACKER:
            return
        if self.broken is None and (self.checked is None or promise in self.checked):
            self.broken = promise, sentence
            self.simulation.trace("!!!", f"{promise}: {sentence}")

    # The journal

    def journal_state(self) -> JournalState:
        """What is known from the journal now."""
        known = {id_: replace(chain, path=list(chain.path)) for id_, chain in self.known.items()}
        answers = {id_: list(states) for id_, states in self._answers.items()}
        copies, compared = Counter(self._copies), Counter(self._compared)
        return JournalState(known, answers, copies, compared, self._seq, self._announced)

    def rewind(self, state: JournalState) -> None:
        """The journal is as it was then. What the bank has and what people were shown stays."""
        self.known, self._answers, self._copies = state.known, state.answers, state.copies
        self._compared, self._seq, self._announced = state.compared, state.seq, state.announced
        self._owners.clear()

    def after_commit(self, process: SimProcess) -> None:
        """Everything that is in the journal now."""
        db = self.simulation.db
        self._read_events(db, process)
        if self.attacked:
            references = db.execute("SELECT reference, id FROM payments ORDER BY rowid")
            self._ids |= {reference: id_ for reference, id_ in references if id_ not in self.touched}
            return
        states = {id_: known.state for id_, known in self.known.items()}
        used, refunds, created, rows = 0, Counter[str](), set(), list(db.execute(PAYMENTS))
        amounts: dict[str, tuple[int, str]] = {}
        for id_, state, reference, amount, _account, _payer, _principal, refund_of, owner in rows:
            self._ids[reference] = id_
            self._owned(id_, owner)
            created.add(id_)
            amounts[id_] = amount, state
            if states.get(id_) != state:
                self.fail("chain", f"{id_} is {state}, and its chain ends in {states.get(id_)}")
            if refund_of and state != "rejected":
                refunds[refund_of] += amount
        for original, paid_back in refunds.items():
            if paid_back > amounts[original][0]:
                self.fail("refunds", f"{paid_back} is paid back of {amounts[original][0]} of {original}")
        moving = 0
        for id_, state, holds, kind, amount in db.execute(CHALLENGES):
            if (state == "consumed") != (id_ in created):
                self.fail("confirmed", f"the challenge {id_} is {state}, and its payment is {amounts.get(id_)}")
            if id_ not in created and states.get(id_) != state:
                self.fail("chain", f"the challenge {id_} is {state}, and its chain ends in {states.get(id_)}")
            may_move = amounts[id_][1] != "rejected" if id_ in created else state == "open"
            if may_move and holds:
                used += sum(takes for _, _, takes in json.loads(holds))
            if may_move and kind == "payment":
                moving += amount
        if self.simulation.limit is not None:
            (held,) = db.execute("SELECT coalesce(sum(amount), 0) FROM limit_usage").fetchone()
            if held != used:
                self.fail("limits", f"{held} is held, and {used} may move")
            if moving > self.simulation.limit:
                self.fail("limits", f"{moving} may move, and the limit is {self.simulation.limit}")
        (messages,) = db.execute("SELECT count(*) FROM outbox WHERE topic <> 'payment.other_payer'").fetchone()
        if messages != self._announced:
            self.fail("outbox", f"{self._announced} transitions to announce, {messages} messages")

    def _read_events(self, db: sqlite3.Connection, process: SimProcess) -> None:
        for seq, id_, n, at, event, body, digest in db.execute(EVENTS, (self._seq,)).fetchall():
            self._seq = seq
            known = self.known.setdefault(id_, ChainState())
            if n != known.n + 1 or digest != link(known.hash, id_, n, at, event, body):
                self.fail("chain", f"event {n} of {id_} ({event}) does not follow event {known.n}")
            known.n, known.hash = n, digest
            fields = json.loads(body)
            to = fields.get("to")
            self.simulation.trace(process.name, f"writes {event} of {id_[-6:]}" + (f": {to}" if to else ""))
            if to is None:
                continue
            if to not in TRANSITIONS.get(known.state, ()):
                self.fail("life", f"{id_} went from {known.state!r} to {to!r} ({event})")
            if "from" in fields and fields["from"] != known.state:
                self.fail("life", f"{id_} is said to go from {fields['from']!r}, and was {known.state!r}")
            if event.endswith(".created"):
                self._created(db, id_, at)
            if (
                to in CONCLUDED
                and not event.endswith((".created", ".resolved"))
                and self._owners.get(id_) != process.name
            ):
                self.fail("lease", f"{process.name} writes {event} of {id_}, which is {self._owners.get(id_)}'s")
            if to == "rejected" and self.simulation.traits.punctual:
                self._announced_as_rejected(db, id_)
            known.state = to
            known.path.append(to)
            if to in ANNOUNCED:
                self._announced += 1

    def _announced_as_rejected(self, db: sqlite3.Connection, id_: str) -> None:
        (reference,) = db.execute("SELECT reference FROM payments WHERE id = ?", (id_,)).fetchone()
        if self.simulation.bank.live(reference):
            self.fail("told", f"{id_} is announced as rejected, and is booked")

    def _created(self, db: sqlite3.Connection, id_: str, at: int) -> None:
        found = "SELECT principal, account, payer, amount, currency, refund_of FROM payments WHERE id = ?"
        row = db.execute(found, (id_,)).fetchone()
        if row is None:
            self.fail("written first", f"{id_} was confirmed, and there is no payment")
            return
        principal, account, payer, amount, currency, refund_of = row
        is_ = principal, account, payer, Money(amount, currency), refund_of or ""
        shown = self.shown.get(id_)
        if shown is None and not self.simulation.bound_codes:  # the code is the approver's, and not the challenge's
            (over,) = db.execute("SELECT expires_at FROM challenges WHERE id = ?", (id_,)).fetchone()
            until = (from_millis(over) - self.simulation.begins).total_seconds()
            alike = (each for each in self.shown.values() if each.terms == is_)
            shown = next((replace(each, declined=False, until=until) for each in alike), None)
        if shown is None:
            self.fail("confirmed", f"{id_} was created, and nobody was asked")
            return
        self.shown[id_] = shown
        if is_ != shown.terms:
            self.fail("confirmed", f"{id_} is {is_}, and the person was shown {shown.terms}")
        if shown.declined:
            self.fail("confirmed", f"{id_} was created after the person said no")
        if self.simulation.profile != "clocks" and from_millis(at) > self.simulation.begins + timedelta(
            seconds=shown.until + 2 * SKEW
        ):
            self.fail("confirmed", f"{id_} was created after its time")

    def _owned(self, id_: str, owner: str | None) -> None:
        """Who lives keeps what it works on; where leases expire, one that was stopped may lose it."""
        before, self._owners[id_] = self._owners.get(id_), owner
        if before is None or owner is None or owner == before or self.simulation.leases_expire:
            return
        if not self.simulation.processes[before].dead:
            self.fail("lease", f"{owner} took {id_} from {before}, which lives")

    # The person

    def shown_challenge(self, challenge: Challenge, payer: str, original: str, ttl: float) -> None:
        """A person was shown this."""
        until = self.simulation.loop.time() + ttl
        shown = ShownTerms(challenge.principal, challenge.payee.account, payer, challenge.money, original, until)
        self.shown.setdefault(challenge.id, shown)

    def compared(self, request: ConfirmationRequest) -> None:
        """A code is about to be compared."""
        if PROCESS.get().dead:
            return
        self._compared[request.payment_id] += 1
        db, compared = self.simulation.db, self._compared[request.payment_id]
        counting = "SELECT count(*) FROM attempts WHERE challenge_id = ?"
        (counted,) = db.execute(counting, (request.payment_id,)).fetchone()
        if counted < compared:
            self.fail("tries", f"{compared} codes were compared for {request.payment_id}, and {counted} tries counted")
        if compared > 5:
            self.fail("tries", f"{compared} codes were compared for {request.payment_id}")

    # The bank

    def leaves(self, reference: str, body: bytes, process: SimProcess) -> None:
        """A copy of an order leaves a process now."""
        found = "SELECT body, sends FROM payments WHERE reference = ? AND (state <> 'rejected' OR code <> ?)"
        row = self.simulation.db.execute(found, (reference, NEVER_SENT)).fetchone()
        again = reference in self._left
        self._left.add(reference)
        self._copies[reference] += 1
        if row is None:
            self.fail("written first", f"{reference} leaves, and no payment has that reference")
        elif bytes(row["body"]) != body:
            self.fail("written first", f"{reference} leaves with other bytes than were written")
        elif self._copies[reference] > row["sends"]:
            self.fail("written first", f"copy {self._copies[reference]} of {reference} was not counted")
        if again and self.simulation.profile != "clocks" and (harm := self.simulation.bank.harm_of_another(reference)):
            self.fail("resend", f"{reference} leaves again, and {harm}")

    def booked(self, booking: "SimBooking") -> None:
        """Money moved."""
        bank = self.simulation.bank
        id_ = self._ids.get(booking.reference)
        same = [each for each, whose in self._ids.items() if whose == id_] if self.simulation.restore.done else []
        if sum(len(bank.live(each)) for each in {booking.reference, *same}) > 1:
            self.fail("once", f"{booking.reference} was booked twice, or {id_} under another reference before")
        shown = self.shown.get(id_) if id_ else None
        if shown is None:
            self.fail("confirmed", f"{booking.reference} was booked, and nobody confirmed it")
            return
        if (booking.amount, booking.account) != (shown.money.amount, shown.account):
            paid = f"{booking.amount} to {booking.account}"
            self.fail("confirmed", f"{paid} was booked, and {shown.money.amount} to {shown.account} confirmed")
        if booking.payer and booking.payer != shown.payer:
            self.fail("payer", f"{booking.reference} was booked for {booking.payer}, and {shown.payer} was shown")
        if booking.kind == "refund":
            back = sum(each.amount for each in bank.ledger if each.original == booking.original and each.live)
            paid_in = sum(each.amount for each in bank.live(booking.original))
            if back > paid_in:
                self.fail("refunds", f"{back} was paid back of {paid_in}")
        if self.simulation.traits.punctual and id_ is not None and "rejected" in self._chain(id_).path:
            self.fail("told", f"{id_} was announced as rejected, and is booked now")

    def _chain(self, id_: str) -> ChainState:
        """Its chain, which a restored journal may have lost."""
        return self.known.get(id_, ChainState())

    # The agent

    def answered(self, record: PaymentRecord) -> None:
        """An agent has this answer."""
        state, known = record.state.value, self.known.get(record.id)
        self.simulation.trace("agents", f"hears that {record.id[-6:]} is {state}")
        if known is None or state not in known.path:
            self.fail("told", f"{record.id} is said to be {state}, and that was never written")
        live = self.bookings_of(record.id, record.reference)
        if state == "settled" and not any(each.settled_at is not None for each in live):
            self.fail("told", f"{record.id} is said to have settled, and has not")
        if state == "rejected" and live and self.simulation.traits.punctual:
            self.fail("told", f"{record.id} is said to be rejected, and is booked")
        before = self._answers.setdefault(record.id, [])
        before.append(state)

    def bookings_of(self, id_: str, reference: str) -> "list[SimBooking]":
        """What the bank has booked of a payment: nothing where it never left and another one has its reference."""
        free = "SELECT 1 FROM payments WHERE id = ? AND state = 'rejected' AND code = ?"
        taken = "SELECT 1 FROM payments WHERE (state <> 'rejected' OR code <> ?) AND reference = ?"
        db = self.simulation.db
        unsent = db.execute(free, (id_, NEVER_SENT)).fetchone() is not None
        if unsent and db.execute(taken, (NEVER_SENT, reference)).fetchone() is not None:
            return []
        return self.simulation.bank.live(reference)

    # The end

    def at_the_end_of_an_attack(self) -> None:
        """Check that the payments whose rows nobody touched were not disturbed."""
        for id_, state, *_ in self.simulation.db.execute(PAYMENTS).fetchall():
            if id_ not in self.touched and state in {"sending", "unknown", "pending"}:
                self.fail("resolved", f"{id_} is still {state}, and its row was not touched")

    def at_the_end(self) -> None:
        """Check what must be true of every payment in a calm simulation."""
        db, bank = self.simulation.db, self.simulation.bank
        for id_, state, reference, amount, *_ in db.execute(PAYMENTS).fetchall():
            live = self.bookings_of(id_, reference)
            if state in {"sending", "unknown", "pending"}:
                self.fail("resolved", f"{id_} is still {state}")
            if state == "review" and not self.simulation.unknowable(id_):
                self.fail("resolved", f"{id_} is in review, and could be made clear")
            if state in {"settled", "returned"} and [each.amount for each in live] != [amount]:
                self.fail("truth", f"{id_} is {state}, and the ledger has {live}")
            if state == "rejected" and live:
                self.fail("truth", f"{id_} is rejected, and the ledger has {live}")
            if live and (live[0].status is Status.RETURNED) != (state == "returned") and state != "review":
                self.fail("truth", f"{id_} is {state}, and the bank says {live[0].status}")
            answers = self._answers.get(id_, [])
            if "settled" in answers and state not in {"settled", "returned"}:
                self.fail("told", f"{id_} was told to have settled, and is {state}")
        unknown = {each.reference for each in bank.ledger if each.live} - self._ids.keys()
        if unknown:
            self.fail("once", f"the ledger has {unknown}, and the journal not")
