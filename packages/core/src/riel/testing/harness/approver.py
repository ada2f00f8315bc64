"""The person of a test: a factor that delivers to the test, which can compute the right code."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from riel.confirm import ConfirmationRequest, FactorContext, Proof, code_for
from riel.journal import Challenge
from riel.payments.context import confirmation_request

WRONG_CODE = "000000"
"""A code that is never right for an :class:`Approver`."""


@dataclass
class Approver:
    """Keeps :class:`riel.Factor`.

    ``requests`` holds what the approver was asked, ``compared`` each code that was compared with the right one.
    ``on_check`` is called before a code is compared.
    """

    name: ClassVar[str] = "approver"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    key: bytes = bytes(32)
    requests: list[ConfirmationRequest] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    on_check: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, context: FactorContext) -> "Approver":
        """An approver whose codes are made with the server's key."""
        return cls(key=context.key)

    async def ask(self, request: ConfirmationRequest) -> str:
        """Keep the request for the test."""
        self.requests.append(request)
        return "The approver was asked."

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        """Compare ``code`` with the right one."""
        self.on_check()
        self.compared.append(code)
        return Proof() if self.is_replay(request, code, Proof()) else None

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        """Whether ``code`` is the right one."""
        return code == self.right_code(request)

    def code(self, challenge: Challenge) -> str:
        """The code that confirms ``challenge``."""
        return self.right_code(confirmation_request(challenge))

    def right_code(self, request: ConfirmationRequest) -> str:
        """The code that answers ``request``; it never begins with 000, so that :data:`WRONG_CODE` is always wrong."""
        code = code_for(self.key, request)
        return code if code >= "001000" else f"9{code[1:]}"
