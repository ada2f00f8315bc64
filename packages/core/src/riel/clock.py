"""The system's clock. Everywhere else the time is a parameter."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time in UTC, in whole milliseconds as the journal keeps it: the default for every clock."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
