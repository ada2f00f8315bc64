"""A document of state that gives rights (people, policy), in the one JSON form that is stored, hashed and signed."""

import json
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer


def _in_utc(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _write(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc), PlainSerializer(_write)]
"""A moment in UTC, in whole milliseconds as the journal keeps it."""


class Document(BaseModel):
    """A value that is read strictly: an unknown or missing field, or any other form of the same content, is an error.

    A field with its default value is not written, so a document of an older riel, which did not know the field, stays
    what it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, allow_inf_nan=False)

    def to_json(self) -> str:
        """JSON that is the same for the same content: sorted keys, no spaces."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        :raises ValueError: it is anything else. Callers take such a document for tampered.
        """
        document = cls.model_validate_json(text)
        if document.to_json() != text:
            raise ValueError(f"the {cls.__name__} is not written as riel writes it")
        return document

    def replaced(self, **changes: object) -> Self:
        """The document with other values in these fields, checked.

        :raises ValueError: a value is not allowed.
        """
        return type(self).model_validate({**dict(self), **changes})
