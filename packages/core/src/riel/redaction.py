"""Redaction: replace known secrets in every log line, error and answer.

Secrets are found by value and not by field name, because an error text, a traceback or a URL may repeat a key under any
name. Code that reads a secret must therefore tell the redactor first.
"""

import json
import logging
import re
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO
from urllib.parse import quote

from pydantic import BaseModel, SecretBytes, SecretStr

from riel.text import escape_controls

MIN_LENGTH = 4
"""Shorter values occur in ordinary text, so replacing them would hide nothing and garble much."""

GENERATED_LENGTH = 16
"""A secret at least this long is taken for a generated one, which nobody finds by writing words."""

WHOLE_WORD_BELOW = 10
"""A shorter value (a code of six digits) is replaced only as a whole word or number, so that a payment's reference that
happens to hold the same digits stays whole."""

HIDDEN = "[hidden]"


class Redactor:
    """Replaces known values in texts. Threads may share one.

    :param shortest: the fewest characters of a secret that is replaced. Where somebody chooses what is written, a short
        or guessable secret must stay as it is: to see it replaced would tell that the guess was right.
    :param remembered: the most values of single payments (codes, account numbers); the oldest are forgotten first.
    """

    def __init__(self, secrets: Iterable[str] = (), *, shortest: int = MIN_LENGTH, remembered: int = 1000) -> None:
        self._shortest = shortest
        self._secrets: set[str] = set()
        self._passing: OrderedDict[str, str] = OrderedDict()
        self._remembered = remembered
        self._lock = threading.Lock()
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Hide these for as long as the process lives, also as they look in a URL or in JSON, and line by line."""
        with self._lock:
            for secret in secrets:
                for part in {secret, *(line.strip() for line in secret.splitlines())}:
                    if len(part) >= self._shortest:
                        self._secrets.update(_encodings(part))

    def learn_settings(self, *settings: BaseModel) -> None:
        """Hide every ``SecretStr`` and ``SecretBytes`` that these settings hold, however deep."""
        self.learn(*secrets_of(settings))

    def remember(self, value: str, shown: str = HIDDEN) -> None:
        """Hide a value of one payment (a code, an account number), showing ``shown`` instead."""
        if len(value) < MIN_LENGTH:
            return
        with self._lock:
            self._passing[value] = shown
            self._passing.move_to_end(value)
            while len(self._passing) > self._remembered:
                self._passing.popitem(last=False)

    def text(self, text: str) -> str:
        """``text`` without any value that is known here."""
        return self._text(text, MIN_LENGTH)

    def public_text(self, text: str) -> str:
        """``text`` for somebody who may have written some of it: no secret that can be guessed is replaced."""
        return self._text(text, GENERATED_LENGTH)

    def _text(self, text: str, shortest: int) -> str:
        with self._lock:
            found = [(secret, HIDDEN) for secret in self._secrets if len(secret) >= shortest and secret in text]
            found += [(value, shown) for value, shown in self._passing.items() if value in text]
        for secret, shown in sorted(found, key=lambda pair: -len(pair[0])):
            text = _replace(text, secret, shown)
        return text

    def clean(self, value: Any) -> Any:
        """The same for anything JSON can carry. Numbers stay: an amount must not change because a code equals it."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        return value


class RedactedFormatter(logging.Formatter):
    """Another formatter's whole output, redacted: message, arguments, traceback and all."""

    def __init__(self, redactor: Redactor, inner: logging.Formatter) -> None:
        super().__init__()
        self._redactor = redactor
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The line as it may be seen."""
        return escape_controls(self._redactor.text(self._inner.format(record)))


def configure_log(redactor: Redactor, level: str, stream: TextIO | None = None) -> None:
    """Send every log of this process, and whatever ends it, to stderr and only there, redacted."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(RedactedFormatter(redactor, logging.Formatter("%(levelname)s %(name)s: %(message)s")))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.raiseExceptions = False  # a record that cannot be formatted would be printed by logging itself, as it is

    def tell(failure: BaseException | None) -> None:
        out.write(escape_controls(redactor.text("".join(traceback.format_exception(failure)))))

    sys.excepthook = lambda _kind, failure, _where: tell(failure)
    threading.excepthook = lambda ended: tell(ended.exc_value)


def secrets_of(value: Any) -> Iterator[str]:
    """Every secret that ``value`` holds: a settings model, or whatever is nested in one."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode("utf-8", "replace")
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_of(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from secrets_of(item)


def _encodings(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}


def _replace(text: str, secret: str, shown: str) -> str:
    if len(secret) >= WHOLE_WORD_BELOW:
        return text.replace(secret, shown)
    return re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", lambda _: shown, text)
