"""What a second factor is: a way to ask a person, and to tell whether the code that came back is theirs."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRequest:
    """One question to a person: may exactly this payment be made?

    ``digest`` covers rail, mode, payee, amount, currency, every argument and who asks; ``nonce`` is 16 random bytes.
    ``text`` says in words what is being confirmed, and is what the person must be shown.
    """

    payment_id: str
    principal: str
    text: str
    digest: bytes
    nonce: bytes
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """That a code was right. ``once`` names what must never be accepted again (a TOTP time step), if anything does."""

    replay_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorContext:
    """What a factor is opened with: the server's 32-byte key, who the person is, and the settings that concern it."""

    key: bytes
    principal: str
    folder: Path
    file: Path | None = None


class Factor(Protocol):
    """A second factor. ``dynamic_linking`` tells whether its codes are bound to the payment (PSD2 RTS, article 5)."""

    name: ClassVar[str]
    sandbox_only: ClassVar[bool]
    dynamic_linking: ClassVar[bool]

    @classmethod
    def open(cls, context: FactorContext) -> "Factor":
        """Make it ready.

        :raises Misconfigured: one sentence that names the setting.
        """

    async def ask(self, request: ConfirmationRequest) -> str:
        """Put the question to the person and say, in one sentence for the agent, where the code will come from."""

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        """The proof that ``code`` (six ASCII digits) answers this question now, or ``None``."""

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        """Whether ``code`` is the one that gave ``proof``: a repeated call joins its payment, it pays nothing more."""
