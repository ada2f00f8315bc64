"""Where a rail's money is: live, the provider's test system, or a pretend bank on this machine."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol

from pydantic import SecretStr, ValidationError

from riel.addresses import is_loopback
from riel.config.rails import configured_settings, read_rail_settings, refuse_unknown_settings, variable_prefix
from riel.config.sandbox_proof import Proves, is_pretend_bank
from riel.config.settings import Settings
from riel.config.sources import describe_errors
from riel.errors import BrokenRail, Misconfigured
from riel.rail import Mode, Rail, RailSettings
from riel.redaction import Redactor
from riel.text import clean_text

MAX_REASON = 2000
"""Characters of what a pretend bank objects to: it may list every setting that it has."""

Address = Literal["ours", "proven", "unproven"]
"""A bank's address: of a pretend bank that this server runs, of one that has proven itself, or of anything else."""


class Banks(Protocol):
    """The pretend banks that this server runs under ``--sandbox``."""

    def __call__(self, rail: Rail) -> Mapping[str, str]:
        """What the pretend bank of a rail supplies: its address, and the keys that its client needs."""

    def runs(self, rail: Rail) -> bool:
        """Whether the rail pays a pretend bank that this server runs."""


def mode_of(
    rail: Rail,
    rail_settings: RailSettings,
    settings: Settings,
    *,
    sandbox: bool = False,
    address: Address = "unproven",
) -> Mode:
    """Where this rail's money is. An address of this machine proves nothing: a relay to a real bank may listen there.

    It is a sandbox where this server runs the pretend bank, where one has proven itself, or where the rail's
    credentials are published ones. A rail that says it is live is live, unless this server runs its bank.

    :param sandbox: everything must be pretend, as under ``--sandbox``.
    :raises Misconfigured: the mode is not allowed here; the sentence names the setting that would change it.
    :raises BrokenRail: the rail does not know where its money is.
    """
    prefix, mode, on_this_machine = variable_prefix(rail), rail_settings.mode, is_loopback(rail_settings.base_url)
    if mode not in {"live", "test"}:
        raise BrokenRail("is in no mode that a rail may name: live, test")
    if address == "ours":
        return "sandbox"
    if sandbox and not on_this_machine:
        raise Misconfigured(f"{prefix}BASE_URL is not on this machine, and --sandbox pays nowhere else")
    says_live = mode == "live" and type(rail_settings).mode is not RailSettings.mode
    if sandbox and says_live:
        raise Misconfigured(f"{rail.name!r} has live credentials, and --sandbox takes none: unset {prefix}*")
    if on_this_machine and not says_live and (address == "proven" or rail_settings.has_published_credentials):
        return "sandbox"
    if sandbox:
        raise Misconfigured(f"{_NO_PROOF.format(prefix=prefix)}, and --sandbox pays nowhere else")
    if mode == "live" and not settings.live:
        why = f" ({_NO_PROOF.format(prefix=prefix)})" if on_this_machine and not says_live else ""
        raise Misconfigured(f"{rail.name!r} has live credentials and would move real money{why}: RIEL_LIVE=yes lets it")
    return mode


def unlisted_packages_problem(settings: Settings) -> str:
    """Why nothing live may start: with real money, a package is loaded only where the operator named it."""
    if not settings.live or settings.rails is not None:
        return ""
    return (
        "RIEL_LIVE=yes needs RIEL_RAILS: name the rails that may move real money, and the packages of guards and "
        "factors (riel rails lists them); a named one that is missing stops the start"
    )


def check_packages_are_listed(settings: Settings) -> None:
    """Refuse to load packages for real money that the operator did not name; called before any is imported.

    :raises Misconfigured: ``RIEL_LIVE`` is set, and ``RIEL_RAILS`` is not.
    """
    if problem := unlisted_packages_problem(settings):
        raise Misconfigured(problem)


_NO_PROOF = "no pretend bank proves itself at {prefix}BASE_URL"


def settings_resolver(
    settings: Settings, banks: Banks | None = None, proves: Proves = is_pretend_bank
) -> Callable[[Rail], tuple[RailSettings, Mode]]:
    """What ``catalog.activate`` asks for: a function from a rail to its settings and its mode.

    :param banks: the pretend banks that run under ``--sandbox``. Without them a rail whose address is on this machine
        still gets the keys of its pretend bank, which then runs somewhere else (``riel sandbox``).
    :param proves: asks an address of this machine whether a pretend bank is there.
    """

    def resolve(rail: Rail) -> tuple[RailSettings, Mode]:
        refuse_unknown_settings(rail, settings)
        supplies = banks(rail) if banks else sandbox_settings(rail, settings)
        rail_settings = read_rail_settings(rail, settings, supplies)
        address: Address = "unproven"
        if banks is not None and banks.runs(rail):
            address = "ours"
        elif is_loopback(rail_settings.base_url) and (
            proves(rail_settings.base_url) or _has_published_credentials(rail, rail_settings, settings)
        ):
            address = "proven"
        return rail_settings, mode_of(rail, rail_settings, settings, sandbox=banks is not None, address=address)

    return resolve


def proofs_of(rails: Iterable[Rail], settings: Settings, proves: Proves = is_pretend_bank) -> Proves:
    """Ask every address of this machine that the operator configured, and return the answers.

    It waits for the network, so a server calls it in a thread, before the rails are activated.
    """
    urls = {configured_settings(rail, settings).get("base_url", "") for rail in rails}
    proven = {url.rstrip("/") for url in urls if is_loopback(url) and proves(url)}
    return lambda url: url.rstrip("/") in proven


def _has_published_credentials(rail: Rail, rail_settings: RailSettings, settings: Settings) -> bool:
    """Whether each credential (what is required, and what is secret) is the one that the pretend bank publishes.

    No provider accepts those. The bank is made without the operator's settings, since it would repeat them.
    """
    required = {name for name, field in rail.settings.model_fields.items() if field.is_required()} - {"base_url"}
    secret = {name for name in rail.settings.model_fields if isinstance(getattr(rail_settings, name), SecretStr)}
    if rail.sandbox is None or not required:
        return False
    try:
        published = rail.sandbox({}).settings
    except Exception:  # a rail's own code: without its word, nothing is published
        return False
    configured = configured_settings(rail, settings)
    own = (required | secret) & set(configured)
    return required <= set(published) and all(published.get(name) == configured[name] for name in own)


def sandbox_settings(rail: Rail, settings: Settings) -> Mapping[str, str]:
    """What a rail's pretend bank supplies, where the rail's address leads to one and a setting is missing.

    The bank is made for that, which takes a while, and forgotten.

    :raises Misconfigured: it cannot be made from the operator's settings.
    :raises BrokenRail: it fails.
    """
    known = configured_settings(rail, settings)
    missing = [name for name, field in rail.settings.model_fields.items() if field.is_required() and name not in known]
    if rail.sandbox is None or not missing or not is_loopback(known.pop("base_url", "")):
        return {}
    try:
        return rail.sandbox(known).settings
    except Exception as failure:
        raise bank_failure(rail, known, failure) from failure


def bank_failure(rail: Rail, told: Mapping[str, str], failure: BaseException) -> Misconfigured | BrokenRail:
    """What is wrong where a rail cannot make its pretend bank from these settings: they are, or the rail is.

    Where nothing is set, nothing can be set wrongly.
    """
    why = describe_errors(failure, str) if isinstance(failure, ValidationError) else str(failure)
    why = f"cannot make its pretend bank: {clean_text(Redactor(told.values()).text(why), MAX_REASON)}"
    if told and isinstance(failure, ValueError | Misconfigured):
        return Misconfigured(f"{rail.name!r} {why}")
    return BrokenRail(why)
