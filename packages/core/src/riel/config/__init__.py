"""Settings come from the environment and from ``riel.toml``, the environment first; a wrong one is one sentence."""

from riel.addresses import is_loopback
from riel.config import sandbox_proof
from riel.config.live_files import check_live_files
from riel.config.locations import FILE
from riel.config.modes import (
    Banks,
    bank_failure,
    check_packages_are_listed,
    mode_of,
    proofs_of,
    sandbox_settings,
    settings_resolver,
    unlisted_packages_problem,
)
from riel.config.rails import configured_settings, read_rail_settings, refuse_unknown_settings
from riel.config.settings import PREFIX, Listen, Settings
from riel.config.sources import VARIABLES, describe_errors, likely_secrets, passwords_in, read_settings, unread_file

__all__ = [
    "FILE",
    "PREFIX",
    "VARIABLES",
    "Banks",
    "Listen",
    "Settings",
    "bank_failure",
    "check_live_files",
    "check_packages_are_listed",
    "configured_settings",
    "describe_errors",
    "is_loopback",
    "likely_secrets",
    "mode_of",
    "passwords_in",
    "proofs_of",
    "read_rail_settings",
    "read_settings",
    "refuse_unknown_settings",
    "sandbox_proof",
    "sandbox_settings",
    "settings_resolver",
    "unlisted_packages_problem",
    "unread_file",
]
