"""A server that leaves a notification for two seconds to another one that took it: a receiver may see it again."""

from datetime import timedelta

import short_delivery


def install() -> None:
    """Take effect in this process."""
    short_delivery.install(lease=timedelta(seconds=2))
