"""The protocol of a factor: it delivers a challenge to a person, and checks the code that comes back."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

from riel.rail import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRequest:
    """A challenge as a factor delivers it: may exactly this payment be made?

    ``digest`` covers rail, mode, payee, amount, currency, every argument and the principal. ``nonce`` is 16 random
    bytes. ``text`` says what is confirmed; the person must be shown it.
    """

    payment_id: str
    principal: str
    mode: Mode
    text: str
    digest: bytes
    nonce: bytes
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """The evidence that a code was right. ``replay_key`` names what must not be accepted twice, such as a TOTP step."""

    replay_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorContext:
    """What a factor is opened with: the server's 32-byte key, the principal, and the settings of factors.

    ``modes`` are those of the rails for which it confirms.
    """

    key: bytes
    principal: str
    folder: Path
    modes: frozenset[Mode]
    file: Path | None = None


class Factor(Protocol):
    """A second factor. ``dynamic_linking`` tells whether its codes are bound to the payment (PSD2 RTS, article 5)."""

    name: ClassVar[str]
    sandbox_only: ClassVar[bool]
    dynamic_linking: ClassVar[bool]

    @classmethod
    def open(cls, context: FactorContext) -> "Factor":
        """Open the factor.

        :raises Misconfigured: one sentence that names the setting.
        """

    async def ask(self, request: ConfirmationRequest) -> str:
        """Deliver the challenge, and say in one sentence for the agent where the code will come from."""

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        """The proof that ``code`` (six ASCII digits) answers ``request`` at ``now``, or ``None``.

        :raises NotConfirmed: the code is right, and was used for another payment before.
        """

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        """Whether ``code`` is the one that gave ``proof``. A repeated call with it joins the payment."""
