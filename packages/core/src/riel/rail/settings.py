"""The settings that every rail has, and the properties that the core reads from a rail's own."""

from abc import abstractmethod
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from riel.errors import Misconfigured
from riel.rail.models import Mode
from riel.rail.tls import tls_context
from riel.secrets import read_private_file


class RailSettings(BaseSettings):
    """A rail's settings: ``RIEL_<RAIL>_<NAME>`` in the environment, or ``[rail.<rail>]`` in ``riel.toml``.

    ``base_url`` exists on every rail: where the provider, or a pretend bank, is reached. The others are how the HTTP
    client that ``connect`` is handed reaches it.
    """

    model_config = SettingsConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    base_url: str
    proxy: Annotated[
        SecretStr | None,
        Field(description="An HTTP proxy, `http://host:3128`. No other is used, and none for this machine."),
    ] = None
    ca_bundle: Annotated[
        Path | None, Field(description="The path of certificates to trust instead of the usual ones.")
    ] = None
    client_certificate: Annotated[
        Path | None, Field(description="The path of a certificate (PEM) to show to the provider, with its chain.")
    ] = None
    client_key: Annotated[
        Path | None, Field(validate_default=True, description="The path of its private key (PEM), not encrypted.")
    ] = None

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.scheme or not parts.hostname or parts.port == 0:  # an impossible port raises ValueError itself
            raise ValueError("it is no address: write one such as https://host")
        return url

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = urlsplit(url.get_secret_value())
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
                raise ValueError("write it as http://host:port")
        return url

    @field_validator("ca_bundle")
    @classmethod
    def _check_ca_bundle(cls, path: Path | None) -> Path | None:
        if path is not None:
            try:
                tls_context(path, None, None)
            except OSError:
                raise ValueError("it is not the path of a PEM file of certificates") from None
        return path

    @field_validator("client_key")
    @classmethod
    def _check_client_certificate(cls, key: Path | None, known: ValidationInfo) -> Path | None:
        certificate = known.data.get("client_certificate")
        if (certificate is None) != (key is None):
            raise ValueError("a client certificate and its private key are set together, or neither of them")
        if key is None:
            return None
        try:
            read_private_file(key, "it")
            tls_context(None, certificate, key)
        except Misconfigured as failure:
            raise ValueError(str(failure)) from None
        except OSError:
            raise ValueError("it is not the private key, in PEM and not encrypted, of the client certificate") from None
        return key

    @property
    def mode(self) -> Mode:
        """``live`` or ``test``. A rail tells it from its credentials, and never from an address.

        A rail that does not tell counts as live, which needs ``RIEL_LIVE=yes``: real money is never called a test. The
        core itself concludes ``sandbox``, from a pretend bank that has proven itself; a rail that says ``live`` is
        live even then.
        """
        return "live"

    @property
    def has_published_credentials(self) -> bool:
        """Whether every credential is one that the pretend bank publishes, so that no provider would accept it.

        On an address of this machine that makes it a sandbox, also while its pretend bank does not run.
        """
        return False

    @property
    def rail_tool_prefix(self) -> str | None:
        """What the names of the rail's own tools begin with; ``None`` is the rail's name, as in ``zap_list_banks``."""
        return None

    @property
    @abstractmethod
    def payer(self) -> str:
        """Whose money leaves: the provider and the account there, by a name that stays when a key is rotated.

        A payment is confirmed for its payer, and is looked up and sent again only by a server with the same payer:
        another account knows nothing of it, and would book it once more. Two accounts never have the same name. It has
        no default, because every value that could be guessed (an address, a key) is wrong for some provider.
        """

    @property
    def payer_label(self) -> str:
        """The payer as approvers read it in a challenge: on one line, without a whole account number."""
        return self.payer
