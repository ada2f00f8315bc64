"""A pretend Fintoc on this machine: the real client pays it over real HTTP, and no money moves.

The app is in ``app``, its keys in ``keys``. A web server and cryptography are imported when a bank is opened.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from riel import Misconfigured, Sandbox

__all__ = ["open_sandbox"]


def open_sandbox(settings: Mapping[str, str]) -> Sandbox:
    """The pretend Fintoc for a client with these settings: it knows the secret key, the account and the JWS key.

    ``jws_key`` is a path, and a setting of the pretend Fintoc alone: a new key pair's private half is written there,
    unless a pair is there already.

    :raises Misconfigured: the private key cannot be read, or the secret key is a live one.
    """
    from rail_fintoc.sandbox.app import pretend_fintoc
    from rail_fintoc.sandbox.behaviour import FintocBehaviour
    from rail_fintoc.sandbox.keys import SECRET_KEY, WEBHOOK_SECRET, create_key_pair, public_key_at
    from rail_fintoc.sandbox.seed.companies import ACCOUNT
    from rail_fintoc.settings import FintocSettings
    from riel.sandbox.kit import behaviour_of

    secret_key = settings.get("secret_key", SECRET_KEY)
    if not secret_key.startswith("sk_test_"):
        raise Misconfigured("RIEL_FINTOC_SECRET_KEY must begin with sk_test_ here: the pretend Fintoc has no live mode")
    new_key, own_key = settings.get("jws_key"), settings.get("jws_private_key")
    public_key = create_key_pair(Path(new_key)) if new_key else public_key_at(Path(own_key)) if own_key else None
    rest = {name: value for name, value in settings.items() if name != "jws_key"}
    bank = pretend_fintoc(
        behaviour=behaviour_of(FintocBehaviour, rest, bank="the pretend Fintoc", client=FintocSettings.model_fields),
        public_key=public_key,
        secret_key=secret_key,
        account_id=settings.get("account_id", ACCOUNT),
        webhook_secret=settings.get("webhook_secret", WEBHOOK_SECRET),
    )
    return replace(bank, settings={**bank.settings, "jws_private_key": new_key}) if new_key else bank
