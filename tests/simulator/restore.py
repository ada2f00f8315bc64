"""An operator who copies the journal, and later puts the copy back."""

import sqlite3
from typing import TYPE_CHECKING

from riel.errors import JournalUnavailable
from riel.journal.epochs import begin_after_restore

from .checks import JournalState
from .journal import empty_copy, journal_of
from .loop import PROCESS

if TYPE_CHECKING:
    from .simulation import Simulation

COPIED_AT = ("", "create_payment@create:after", "record@resend:after", "send:after")
"""After which point the journal is copied; nowhere: while a challenge is open."""


class JournalRestore:
    """One restore at most, under the profile ``restored``.

    ``copied``: a copy was made. ``done``: it was put back. ``under_way``: the servers may not start yet.
    """

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._copied_at = simulation.random.choice(COPIED_AT)
        self.copied = self.done = self.under_way = False

    @property
    def expected(self) -> bool:
        """Whether a copy may still be made."""
        return self._simulation.profile == "restored" and not self.copied

    def passes(self, name: str) -> None:
        """A crash point was passed, after which the journal may be copied."""
        if name == self._copied_at:
            self.copy_journal()

    def copy_journal(self) -> None:
        """Copy the journal now, and put the copy back later, as an operator does with a backup. It happens once."""
        simulation = self._simulation
        if not self.expected or simulation.faults.calm:
            return
        self.copied = True
        later = simulation.random.choice((1.0, 8.0, 30.0)) * simulation.random.random()
        simulation.trace("operator", "copies the journal")
        copy = empty_copy()
        simulation.db.backup(copy)
        state = simulation.checks.journal_state()
        simulation.loop.call_later(later, self._put_back, copy, state, context=simulation.bank.process.context)

    async def wait(self) -> None:
        """Wait until the copy was put back and the servers are there again, or until all is calm."""
        while self.copied and not self._simulation.faults.calm and (self.under_way or not self.done):
            await self._simulation.pause(0.5)

    def _put_back(self, copy: sqlite3.Connection, state: JournalState) -> None:
        """End every server, put the copy back, and say so to riel, or not: then only the rail's dedupe is left."""
        simulation = self._simulation
        self.under_way = self.done = True
        for replica in simulation.replicas:
            if not replica.process.dead:
                simulation.crash(replica, "the end of all servers")
        copy.backup(simulation.db)
        simulation.checks.rewind(state)
        declared = not simulation.rail.dedupes_for_ever or simulation.random.random() < 0.5
        simulation.trace("operator", "restores the journal" + ("" if declared else " and does not say so"))
        if declared:
            simulation.process("operator").begin(self._begin_epoch())
        else:
            simulation.checks.checked = {"once", "confirmed"}
            self._start_servers()

    async def _begin_epoch(self) -> None:
        simulation, process = self._simulation, PROCESS.get()
        while True:
            try:
                await begin_after_restore(journal_of(simulation, process), "operator", simulation.now(process))
            except JournalUnavailable:
                await simulation.pause(1)
            else:
                break
        process.die()
        self._start_servers()

    def _start_servers(self) -> None:
        self.under_way = False
        for place in range(len(self._simulation.replicas)):
            self._simulation.restart(place)
