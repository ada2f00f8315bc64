"""A server that is stopped while it writes the birth of a payment: it holds the journal's file, and the world waits."""

import signal

import crash_points

from riel.crash_points import at_crash_points


def install() -> None:
    """Stop in the first commit after a payment was to be born."""
    crash_points.install()
    intending = False

    def watch(name: str) -> None:
        nonlocal intending
        if intending and name == "commit:before":
            intending = False
            signal.raise_signal(signal.SIGSTOP)
        intending = intending or name == "create_payment@create:before"

    at_crash_points(watch)
