"""A pretend STP on this machine: the real client pays it over real HTTP, and no money moves.

The app is in ``app``. Nothing is imported before the bank is opened: a server that pays at STP needs no web framework.
"""

from collections.abc import Mapping
from pathlib import Path

from riel import Misconfigured, Sandbox

__all__ = ["open_sandbox"]


def open_sandbox(settings: Mapping[str, str]) -> Sandbox:
    """Build the pretend STP for a client with these settings, which name the company, the account and the key.

    :raises Misconfigured: the private key cannot be read.
    """
    from pydantic import TypeAdapter

    from rail_spei.institutions import Catalogue
    from rail_spei.sandbox.app import payable_institutions, stp_sandbox
    from rail_spei.sandbox.behaviour import StpBehaviour
    from rail_spei.sandbox.identity import ACCOUNT, EMPRESA
    from rail_spei.settings import Days, SpeiSettings, holidays_of
    from rail_spei.stp.signature import SigningKey
    from riel.sandbox.kit import behaviour_of

    key, passphrase = settings.get("private_key", ""), settings.get("private_key_passphrase", "")
    if passphrase and not key:
        raise Misconfigured("RIEL_SPEI_PRIVATE_KEY_PASSPHRASE is set without RIEL_SPEI_PRIVATE_KEY: set both, or none")
    banks, days = settings.get("banks"), TypeAdapter(Days)
    return stp_sandbox(
        behaviour=behaviour_of(StpBehaviour, settings, bank="the pretend STP", client=SpeiSettings.model_fields),
        public_key=SigningKey.load(Path(key), passphrase).public_key if key else None,
        empresa=settings.get("empresa", EMPRESA),
        accounts=[settings.get("account", ACCOUNT)],
        institutions=payable_institutions(Catalogue.read(Path(banks) if banks else None)),
        holidays=holidays_of(
            days.validate_python(settings.get("holidays", "")), days.validate_python(settings.get("business_days", ""))
        ),
    )
