"""The three things an installed package may contribute, and nothing else: rails, factors, guards.

A module named by an entry point of the group ``riel`` implements any of them::

    from collections.abc import Iterable
    from riel import Rail, hookimpl

    @hookimpl
    def riel_rails() -> Iterable[Rail]:
        yield Rail(name="zap", title="Zap", ...)

A hook declares and returns; the core acts. A hook whose name is not here is a problem that ``riel rails`` lists.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from riel.rail import Rail

if TYPE_CHECKING:
    from riel.confirm.factor import Factor
    from riel.guards import Guard

PROJECT = "riel"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def riel_rails() -> Iterable[Rail]:
    """The rails of this package: each a :class:`riel.Rail` named like the entry point that brings it."""
    raise NotImplementedError


@hookspec
def riel_factors() -> "Iterable[type[Factor]]":
    """Ways to ask a person for a code, chosen by name with ``RIEL_FACTOR``::

        @hookimpl
        def riel_factors():
            yield CarrierPigeon

    Each is a class that keeps :class:`riel.Factor`.
    """
    raise NotImplementedError


@hookspec
def riel_guards() -> "Iterable[Guard]":
    """What may refuse a payment before anybody is asked to confirm it::

        @hookimpl
        def riel_guards():
            yield OfficeHours(from_hour=9, to_hour=18)

    Each keeps :class:`riel.Guard`. A guard that must not be missing belongs on the allow-list, ``RIEL_RAILS``.
    """
    raise NotImplementedError
