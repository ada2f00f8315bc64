"""The pretend bank of this rail, over HTTP. Nothing is imported before it is opened."""

from collections.abc import Mapping

from riel import Sandbox

__all__ = ["open_sandbox"]


def open_sandbox(settings: Mapping[str, str]) -> Sandbox:
    """The pretend bank that behaves as ``settings`` declare.

    :raises ValueError: the bank has no such setting, or not such a value.
    """
    from rail_mock.sandbox.app import mock_sandbox
    from rail_mock.settings import BankBehaviour
    from riel.sandbox.kit import behaviour_of

    return mock_sandbox(behaviour_of(BankBehaviour, settings))
