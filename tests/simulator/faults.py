"""The faults of a simulation and their frequency. Each is drawn from the simulation's one source of randomness."""

from collections import Counter
from random import Random

SEND_FAULTS = ("lost", "late", "late", "twice", "answer lost", "answer late", "garbled", "server error", "never left")
"""How one send can end besides well."""


class Faults:
    """Draws and counts faults. A ``calm`` simulation has no new ones, but what is in transit still arrives."""

    def __init__(self, random: Random) -> None:
        self._random = random.random
        self._choice = random.choice
        self.calm = False
        self.counted: Counter[str] = Counter()
        self.of_the_rail = random.choice((0.0, 0.2, 0.4, 0.7))
        self.of_the_journal = random.choice((0.0, 0.0, 0.02, 0.1))
        self.of_the_bank = random.choice((0.0, 0.15, 0.4))
        self.forced: list[str] = []
        self.profile = ""

    def _happens(self, probability: float, name: str) -> bool:
        if self.calm or not probability or self._random() >= probability:
            return False
        self.counted[name] += 1
        return True

    def send_fault(self) -> str:
        """How a send ends."""
        if self.forced:
            self.counted[self.forced[-1]] += 1
            return self.forced.pop()
        if not self.calm and self.profile in {"lateness", "doubt"} and self._random() < 0.5:
            self.counted["late"] += 1
            return "late"
        if not self.calm and self.profile == "connections" and self._random() < 0.6:
            self.counted["garbled"] += 1
            return "garbled"
        if self.calm or self._random() >= self.of_the_rail:
            return "well"
        fault = self._choice(SEND_FAULTS)
        self.counted[fault] += 1
        return fault

    def lookup_fault(self) -> str:
        """How a look-up ends."""
        if self.calm or self._random() >= (0.7 if self.profile == "silence" else self.of_the_rail):
            return "well"
        fault = self._choice(("nothing", "hangs", "slow"))
        self.counted[f"look-up: {fault}"] += 1
        return fault

    def journal_fault(self) -> str:
        """How a unit of work ends: well, not done at all, done and not told, or late."""
        if self.calm or not self.of_the_journal or self._random() >= self.of_the_journal:
            return ""
        fault = self._choice(("unavailable", "answer lost", "slow"))
        self.counted[f"journal: {fault}"] += 1
        return fault

    def locks_read(self) -> bool:
        """Whether a read finds a lock in its way."""
        return self._happens(self.of_the_journal, "journal: locked")

    def refusal(self) -> str:
        """The code of a refusal, or nothing: two that are definite, and one that may not be believed."""
        if not self._happens(self.of_the_bank, "refused"):
            return ""
        return self._choice(("NO_FUNDS", "CLOSED", "BUSY"))

    def rejects_later(self) -> bool:
        """Whether what was accepted is rejected in the end."""
        return self._happens(self.of_the_bank, "rejected later")

    def returns(self) -> bool:
        """Whether the payee sends it back."""
        return self._happens(0.5, "returned")
