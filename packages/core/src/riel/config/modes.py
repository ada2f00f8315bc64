"""Where a rail's money is: live, the provider's test system, or a pretend bank on this machine."""

from collections.abc import Callable, Mapping
from typing import get_args

from riel.addresses import is_loopback
from riel.config.rails import configured_settings, read_rail_settings, variable_prefix
from riel.config.settings import Settings
from riel.errors import BrokenRail, Misconfigured
from riel.rail import Mode, Rail, RailSettings

Banks = Callable[[Rail], Mapping[str, str]]
"""What the pretend bank of a rail supplies: its address, and whatever keys its client needs."""


def mode_of(rail: Rail, rail_settings: RailSettings, settings: Settings, *, sandbox: bool = False) -> Mode:
    """Where this rail's money is. A loopback address is a pretend bank, whatever the rail says.

    :param sandbox: everything must be pretend, as under ``--sandbox``.
    :raises Misconfigured: the mode is not allowed here; the sentence names the setting that would change it.
    :raises BrokenRail: the rail does not know where its money is.
    """
    prefix, mode, is_sandbox = variable_prefix(rail), rail_settings.mode, is_loopback(rail_settings.base_url)
    if mode not in get_args(Mode):
        raise BrokenRail(f"is in no mode that exists: {', '.join(get_args(Mode))}")
    if sandbox and not is_sandbox:
        raise Misconfigured(f"{prefix}BASE_URL is not on this machine, and --sandbox pays nowhere else")
    if sandbox and mode == "live" and type(rail_settings).mode is not RailSettings.mode:
        raise Misconfigured(f"{rail.name!r} has live credentials, and --sandbox takes none: unset {prefix}*")
    if is_sandbox:
        return "sandbox"
    if mode == "sandbox":
        raise BrokenRail(f"says it is a sandbox, but {prefix}BASE_URL is not on this machine")
    if mode == "live" and not settings.live:
        raise Misconfigured(f"{rail.name!r} has live credentials and would move real money: RIEL_LIVE=yes lets it")
    return mode


def settings_resolver(settings: Settings, banks: Banks | None = None) -> Callable[[Rail], tuple[RailSettings, Mode]]:
    """What ``catalog.offer`` asks for: a function from a rail to its settings and its mode.

    :param banks: the pretend banks that run under ``--sandbox``. Without them a rail whose address is on this machine
        still gets the keys of its pretend bank, which then runs somewhere else (``riel sandbox``).
    """

    def resolve(rail: Rail) -> tuple[RailSettings, Mode]:
        supplies = banks(rail) if banks else sandbox_settings(rail, settings)
        rail_settings = read_rail_settings(rail, settings, supplies)
        return rail_settings, mode_of(rail, rail_settings, settings, sandbox=banks is not None)

    return resolve


def sandbox_settings(rail: Rail, settings: Settings) -> Mapping[str, str]:
    """What a rail's pretend bank supplies, where the rail's address leads to one and a setting is missing.

    The bank is made for that, which takes a while, and forgotten.
    """
    known = configured_settings(rail, settings)
    missing = [name for name, field in rail.settings.model_fields.items() if field.is_required() and name not in known]
    if rail.sandbox is None or not missing or not is_loopback(known.pop("base_url", "")):
        return {}
    return rail.sandbox(known).settings
