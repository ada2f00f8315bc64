"""A pretend STP on this machine: the real client pays it over real HTTP, and no money moves.

The app is in ``app``, its key in ``identity``. Nothing is imported before a bank is asked for: whoever only wants to
know whether a key is the published one should not pay for a web server.
"""

from collections.abc import Mapping
from pathlib import Path

from riel import Misconfigured, Sandbox

__all__ = ["open_sandbox"]


def open_sandbox(settings: Mapping[str, str]) -> Sandbox:
    """The pretend STP for a client with these settings: it knows the company, the account and the key that are set.

    :raises Misconfigured: the private key cannot be read.
    """
    from pydantic import TypeAdapter

    from rail_spei.institutions import Catalogue
    from rail_spei.sandbox.app import payable, pretend_stp
    from rail_spei.sandbox.behaviour import behaviour_of
    from rail_spei.sandbox.identity import ACCOUNT, EMPRESA
    from rail_spei.settings import Days, SpeiSettings, calendar
    from rail_spei.stp.signature import SigningKey

    key, passphrase = settings.get("private_key", ""), settings.get("private_key_passphrase", "")
    if passphrase and not key:
        raise Misconfigured("RIEL_SPEI_PRIVATE_KEY_PASSPHRASE is set without RIEL_SPEI_PRIVATE_KEY: set both, or none")
    banks, days = settings.get("banks"), TypeAdapter(Days)
    return pretend_stp(
        behaviour=behaviour_of(settings, of_the_client=SpeiSettings.model_fields),
        public_key=SigningKey.load(Path(key), passphrase).public_key if key else None,
        empresa=settings.get("empresa", EMPRESA),
        accounts=[settings.get("account", ACCOUNT)],
        institutions=payable(Catalogue.read(Path(banks) if banks else None)),
        holidays=calendar(
            days.validate_python(settings.get("holidays", "")), days.validate_python(settings.get("business_days", ""))
        ),
    )
