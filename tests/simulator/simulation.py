"""One simulation: some replicas of the real engine on one journal, a bank, agents, and everything that can go wrong.

Its seed decides all of it. The same seed gives the same history, to the letter.
"""

import asyncio
import logging
import random
from asyncio.events import _set_running_loop
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx

from riel import Money
from riel.catalog import ActiveRail
from riel.confirm import Terms, code_for
from riel.confirm.factors.totp import Enrolment
from riel.crash_points import at_crash_points
from riel.errors import RielError
from riel.http.client import rail_http_client
from riel.journal import Challenge, PaymentRecord
from riel.journal.columns import from_millis, to_millis
from riel.payments import Backoff, Clients, Context, PaymentEngine, PaymentRequest, Timing
from riel.payments.context import confirmation_request
from riel.secrets import ServerKey, ServerKeys
from riel.testing.crash_points import with_crash_points

from .bank_traits import SKEW
from .checks import Checks
from .factors import KEY, SECRET, OneJournal, SimApprover, SimAuthenticator, SimRefund, TotalLimit, totp
from .faults import Faults
from .journal import empty_database, journal_of
from .loop import PROCESS, SimLoop, SimProcess
from .profiles import OF_RAILS, STOP_POINTS, WRONG_CLOCKS
from .rails import RAILS, BankTraits, SimulatedRail, rail_of
from .restore import JournalRestore

T = TypeVar("T")

TIMING = Timing(
    answer_within=timedelta(seconds=2),
    code_ttl=timedelta(seconds=60),
    resend_challenge_after=timedelta(seconds=5),
    duplicate_window=timedelta(seconds=60),
    decline_ttl=timedelta(seconds=40),
    resend_within=timedelta(seconds=90),
    poll_interval=timedelta(seconds=3),
    anchor_interval=timedelta(seconds=25),
    backoff=Backoff(
        first=timedelta(seconds=1),
        longest=timedelta(seconds=8),
        margin=timedelta(seconds=5),
        give_up_after=timedelta(seconds=300),
        watch=(timedelta(seconds=8),),
    ),
)


class ProcessDied(Exception):
    """The process that was called has died: there is no answer."""


@dataclass
class Replica:
    """One server process, the account that it pays from, and what it serves at the moment."""

    process: SimProcess
    payer: str
    engine: PaymentEngine
    serving: dict[asyncio.Future[Any], None]


class Simulation:
    """The replicas, agents, bank and faults that ``seed`` determines."""

    def __init__(self, seed: int, *, profile: str | None = None, rail: str | None = None) -> None:
        self.seed = seed
        self.random = draws = random.Random(seed)  # noqa: S311  # it must repeat itself
        self.loop = SimLoop(draws)
        self.processes: dict[str, SimProcess] = {}
        self.history: list[tuple[float, str, str]] = []
        self.db = empty_database()
        self.faults = Faults(draws)
        self.rail: SimulatedRail = RAILS[rail or rail_of(seed)](self)
        self.references = draws.choice((40, 10**12, 10**12))
        self.leases_expire = draws.random() < 0.5
        self.limit = draws.choice((None, 3_000, 3_000, 10_000))
        self.bound_codes = draws.random() < 0.8
        self.crashes, self.stops, self.payments = 0, 0, 0
        drawn = draws.choice((*[""] * 10, "stops", "silence", "lateness", "doubt", "accounts", "restored"))
        if self.rail.name != "sim":
            drawn = draws.choice((drawn, drawn, drawn, "clocks", "calendar", "connections"))
        self.profile = drawn if profile is None else profile
        if self.rail.name not in OF_RAILS.get(self.profile, RAILS):
            self.profile = ""
        if self.profile in {"accounts", "restored"}:
            self.references = 10**12  # the checks know a payment by its reference alone
        self.faults.profile = self.profile
        if self.profile == "doubt":
            self.faults.of_the_bank = 0.4
            self.rail.in_doubt()
        self.leases_expire |= self.profile == "stops"
        self.crash_rate = draws.choice((0.0, 0.002, 0.01, 0.03))
        self.agents = self.process("agents")
        self.checks = Checks(self)
        self.bank = self.rail.open_bank()
        self.active_rails = {payer: self.rail.activate(payer) for payer in ("payer", "another")}
        self.replicas: list[Replica] = []
        self.scheduled_faults: dict[str, tuple[str, str]] = {}
        self.restore = JournalRestore(self)
        self._waiting, self._waiting_as_of = False, -1

    @property
    def traits(self) -> BankTraits:
        """The traits of the bank."""
        return self.rail.traits

    @property
    def begins(self) -> datetime:
        """The time at which it begins."""
        return self.rail.begins

    def process(self, name: str) -> SimProcess:
        """A process of that name."""
        self.processes[name] = process = SimProcess(self.loop, name)
        return process

    def trace(self, who: str, what: str) -> None:
        """A line of the history."""
        self.history.append((self.loop.time(), who, what))

    # Replicas

    def start(self, replicas: int) -> None:
        """Start that many."""
        for place in range(max(replicas, 2 if self.profile == "accounts" else 1)):
            self.replicas.append(self._start_replica(self._payer_at(place)))

    def _payer_at(self, place: int) -> str:
        """The account of the server at a place: each second one pays from another account, where there are two."""
        return "another" if self.profile == "accounts" and place % 2 else "payer"

    def _start_replica(self, payer: str) -> Replica:
        process = self.process(f"replica-{len(self.processes) - 1}")
        process.skew = SKEW * (2 * self.random.random() - 1)
        if self.profile == "clocks" and not self.faults.calm:
            process.skew += self.random.choice(WRONG_CLOCKS)
        rails = {self.rail.name: self.active_rails[payer]}
        factor: Any = SimApprover(KEY, self.checks.compared)
        if not self.bound_codes:
            app = Enrolment(id="app", secret=SECRET, after=0)
            factor = SimAuthenticator("ana", {False: app, True: app}, OneJournal(), self.checks.compared)
        context = Context(
            journal=journal_of(self, process),
            rails=rails,
            clients=Clients(rails, http=lambda rail: self._http_client(rail, process)),
            factor=factor,
            keys=ServerKeys(ServerKey(KEY)),
            guards=() if self.limit is None else (TotalLimit(self.limit),),
            timing=self.rail.pace(TIMING),
            now=lambda: self.now(process),
            below=lambda most: int(self.random.random() * most),
            random_bytes=self.random.randbytes,
        )
        replica = Replica(process, payer, PaymentEngine(with_crash_points(context)), {})
        process.context.run(replica.engine.start)
        self.trace(process.name, "starts" if payer == "payer" else f"starts for {payer}")
        return replica

    def _http_client(self, rail: ActiveRail, process: SimProcess) -> httpx.AsyncClient:
        """The HTTP client that the core makes, on the way from that process to the bank."""
        name, deadline = rail.declaration.name, rail.guarantees.send_deadline
        return rail_http_client(rail.settings, rail=name, deadline=deadline, transport=self.rail.transport(process))

    def now(self, process: SimProcess) -> datetime:
        """The time as that process sees it."""
        return self.begins + timedelta(milliseconds=int((self.loop.time() + process.skew) * 1000))

    def crash(self, replica: Replica, where: str) -> None:
        """As kill -9 does."""
        self.crashes += 1
        self.trace(replica.process.name, f"dies at {where}")
        replica.process.die()
        for waiting in list(replica.serving):
            if not waiting.done():
                waiting.set_exception(ProcessDied())

    def stop(self, replica: Replica, where: str, how_long: float) -> None:
        """As SIGSTOP does, and SIGCONT later."""
        self.stops += 1
        self.trace(replica.process.name, f"is stopped at {where} for {how_long:.1f} s")
        replica.process.stop()
        self.loop.call_later(how_long, self.go_on, replica, context=self.bank.process.context)

    def go_on(self, replica: Replica) -> None:
        """As SIGCONT does."""
        if not replica.process.dead and replica.process.stopped_at is not None:
            self.trace(replica.process.name, "goes on")
            replica.process.go_on()

    def restart(self, place: int) -> None:
        """Start it again where it is dead. Some operators then give it the key of another account."""
        if self.restore.under_way or not self.replicas[place].process.dead:
            return
        payer = self._payer_at(place)
        if self.profile == "accounts" and not self.faults.calm and self.random.random() < 0.4:
            payer = self.random.choice(list(self.active_rails))
        self.replicas[place] = self._start_replica(payer)

    def passes(self, name: str) -> None:
        """The hook of every crash point: here processes die and are stopped.

        It does not raise, for that would leave things unawaited: whatever a dead process reaches for is closed.
        """
        self.restore.passes(name)
        if self.faults.calm and not self.scheduled_faults:
            return
        crashes_here = self.random.random() < self.crash_rate
        stops_here = self.profile == "stops" and name in STOP_POINTS and self.random.random() < 0.3
        if not (crashes_here or stops_here or self.scheduled_faults):
            return
        process = PROCESS.get()
        replica = next((each for each in self.replicas if each.process is process), None)
        if replica is None or process.dead or process.stopped_at is not None:
            return
        fault = self.scheduled_faults.get(process.name)
        if fault is not None and fault[1] in name:
            del self.scheduled_faults[process.name]
        elif stops_here:
            fault = "stops", name
        elif not crashes_here or self.faults.calm:
            return
        if fault[0] == "dies" if fault else self.random.random() < 0.6:
            self.crash(replica, name)
            place, wait = self.replicas.index(replica), 0.5 + self.random.random() * 15
            self.loop.call_later(wait, self.restart, place, context=self.bank.process.context)
            return
        self.stop(replica, name, self.rail.stretch * (1 + self.random.random() * (80 if stops_here else 50)))

    # What agents do

    def alive(self, payer: str = "") -> Replica:
        """One that can be called: mostly one that pays from ``payer``, where that is given."""
        same = [replica for replica in self.replicas if payer and self.active_rails[replica.payer].payer == payer]
        if len(same) in {0, len(self.replicas)} or self.random.random() < 0.1:
            same = self.replicas
        return self.random.choice(same)

    def as_built_at(self, replica: Replica, request: PaymentRequest) -> PaymentRequest:
        """The request as this replica's tools build it: it knows only the account that it pays from."""
        active = self.active_rails[replica.payer]
        if self.profile != "accounts" or request.terms.payer == active.payer:
            return request
        return replace(request, terms=replace(request.terms, payer=active.payer), rail=active)

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def serve(
        self, replica: Replica, work: Callable[[PaymentEngine], Awaitable[T]], cut_after: float | None = None
    ) -> T:
        """Call one replica, as a request that it serves in a task of its own, which is cancelled when it is cut off.

        :raises ProcessDied: it died, or the call was cut off.
        """
        if replica.process.dead:
            await self.pause(0.5)
            raise ProcessDied
        answer: asyncio.Future[T] = self.loop.create_future()
        replica.serving[answer] = None

        async def run() -> None:
            try:
                result = await work(replica.engine)
            except RielError as failure:
                if not answer.done():
                    answer.set_exception(failure)
            except asyncio.CancelledError:
                if not answer.done():
                    answer.set_exception(ProcessDied())
                raise
            except Exception as failure:
                self.checks.fail("words", f"a call failed with {failure!r}")
                if not answer.done():
                    answer.set_exception(ProcessDied())
            else:
                if not answer.done() and not replica.process.dead:
                    answer.set_result(result)

        task = replica.process.begin(run())
        if cut_after is not None:
            self.loop.call_later(cut_after, task.cancel, context=replica.process.context)
        try:
            return await answer
        finally:
            replica.serving.pop(answer, None)

    def payment(self, account: str, amount: int, *, principal: str = "ana", payer: str = "payer") -> PaymentRequest:
        """A payment as an agent wants it."""
        active = self.active_rails[payer]
        model = self.rail.payment(account, amount)
        payee = model.payee()
        terms = Terms(
            kind="payment",
            rail=self.rail.name,
            mode="sandbox",
            principal=principal,
            payer=active.payer,
            payee=payee,
            money=Money(amount, "MXN"),
            arguments={"account": payee.account, "amount": amount},
        )
        return PaymentRequest(terms=terms, rail=active, model=model)

    def refund(self, original: PaymentRecord, amount: int, reason: str) -> PaymentRequest:
        """A refund as an agent wants it."""
        terms = Terms(
            kind="refund",
            rail=self.rail.name,
            mode="sandbox",
            principal=original.principal,
            payer=original.payer,
            payee=original.payee,
            money=Money(amount, "MXN"),
            arguments={"amount": amount, "reason": reason},
            original=original.id,
        )
        model = SimRefund(reference=original.reference, reason=reason)
        active = next(each for each in self.active_rails.values() if each.payer == original.payer)
        return PaymentRequest(terms=terms, rail=active, model=model, original=original)

    def is_open(self, challenge: Challenge, replica: Replica) -> bool:
        """Whether the person is still asked for this, by the clock of this replica."""
        waits = "SELECT 1 FROM challenges WHERE id = ? AND state = 'open' AND expires_at > ?"
        return self.db.execute(waits, (challenge.id, to_millis(self.now(replica.process)))).fetchone() is not None

    def asked_again(self, challenge: Challenge) -> Callable[[], bool]:
        """Whether a person is asked for the same payment once more, at any time from now until the answer is called.

        The code of this challenge is no answer to that.
        """
        again = "SELECT 1 FROM challenges WHERE digest = ? AND id <> ? AND (state = 'open' OR rowid > ?)"
        (last,) = self.db.execute("SELECT coalesce(max(rowid), 0) FROM challenges").fetchone()

        def is_asked() -> bool:
            return self.db.execute(again, (challenge.digest, challenge.id, last)).fetchone() is not None

        return (lambda: True) if is_asked() else is_asked

    def code(self, challenge: Challenge, replica: Replica) -> str:
        """The code that the approver reads, on paper or in the app."""
        if self.bound_codes:
            return code_for(KEY, confirmation_request(challenge))
        return totp(self.begins + timedelta(seconds=self.loop.time()))

    # Time

    def unknowable(self, id_: str) -> bool:
        """Whether the promises of this bank, or a wrong clock or calendar of ours, do not let it be made clear."""
        return self.profile in {"clocks", "calendar"} or not self.traits.lookup or not self.traits.absence

    def run(self, until: Callable[[], bool], most: float) -> None:
        """Let things happen until ``until``, a promise is broken, or ``most`` virtual seconds are over."""
        loop, checks = self.loop, self.checks
        while checks.broken is None and loop.time() < most and not until():
            if not loop.run_one():
                return

    def rest(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Run a calm simulation until the agents are done and nothing is expected, or until that is overdue."""
        most = self.rail.gives_up
        if self.rail.takes_days:
            self.run(lambda: all(task.done() for task in tasks), most)
            self.sleep_through(most)
        else:
            self.run(lambda: all(task.done() for task in tasks) and self.quiet(), most)

    def sleep_through(self, most: float) -> None:
        """Until nothing is expected any more, or ``most``: every machine sleeps until the next thing is due.

        Nobody notices but who counts the callbacks: what is due in a day costs as much as what is due in a minute.
        """
        first = "SELECT min(next_at) FROM payments"
        while self.checks.broken is None and self.loop.time() < most and not self.quiet():
            if not any(replica.engine.context.busy for replica in self.replicas):
                (due,) = self.db.execute(first).fetchone()
                wakes = (
                    self.bank.quiet_until if due is None else (from_millis(due) - self.begins).total_seconds() - SKEW
                )
                self.loop.leap(min(most, self.bank.quiet_until, wakes))
            now = self.loop.time()
            self.run(lambda now=now: self.loop.time() > now or self.quiet(), most)  # type: ignore[misc]

    def quiet(self) -> bool:
        """Whether nothing more is expected of any payment, and nothing is under way."""
        if (
            self.restore.under_way
            or self.bank.in_transit
            or any(replica.engine.context.busy for replica in self.replicas)
        ):
            return False
        if self._waiting_as_of != self.db.total_changes:
            self._waiting_as_of = self.db.total_changes
            waits = "SELECT 1 FROM payments WHERE next_at IS NOT NULL LIMIT 1"
            self._waiting = self.db.execute(waits).fetchone() is not None
        return not self._waiting

    def calm_down(self) -> None:
        """Nothing goes wrong any more: who is dead is started again, who was stopped goes on."""
        self.faults.calm = True
        self.scheduled_faults.clear()
        self.trace("simulation", "calms down")
        for place, replica in enumerate(self.replicas):
            if abs(replica.process.skew) > SKEW:
                self.trace(replica.process.name, "has the right time again")
                replica.process.skew = 0.0
            self.go_on(replica)
            if replica.payer != self._payer_at(place) and not replica.process.dead:
                self.crash(replica, "a change of its key")
            self.restart(place)

    def verify(self) -> None:
        """The record as the real audit reads it."""
        checking = self.agents.begin(journal_of(self, self.agents).verify())
        self.run(checking.done, self.loop.time() + 60)
        _, broken = checking.result()
        if broken is not None:
            self.checks.fail("chain", broken.sentence)


@contextmanager
def running_simulation(simulation: Simulation) -> Iterator[Simulation]:
    """Run it in this thread: its loop is the running one, its hook hears of every crash point.

    How long ``riel.http`` waits before it tries again is drawn from the interpreter's own randomness: it is the seed's.
    """
    logs = [logging.getLogger(name) for name in ("riel", "rail_fintoc", "rail_spei")]
    levels, drawn_before = [log.level for log in logs], random.getstate()
    random.seed(simulation.seed)
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    at_crash_points(simulation.passes)
    _set_running_loop(simulation.loop)
    try:
        yield simulation
    finally:
        for process in simulation.processes.values():
            process.die()
        simulation.loop.wind_up()
        _set_running_loop(None)
        at_crash_points(None)
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
        random.setstate(drawn_before)
