"""The settings that every rail has, and the properties that the core reads from a rail's own."""

from abc import abstractmethod

from pydantic_settings import BaseSettings, SettingsConfigDict

from riel.rail.models import Mode


class RailSettings(BaseSettings):
    """A rail's settings: ``RIEL_<RAIL>_<NAME>`` in the environment, or ``[rail.<rail>]`` in ``riel.toml``.

    ``base_url`` exists on every rail; on a loopback address it means a pretend bank there, in mode ``sandbox``.
    """

    model_config = SettingsConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    base_url: str

    @property
    def mode(self) -> Mode:
        """``live`` or ``test``, where the provider is real; a rail tells it from its credentials.

        One that does not tell counts as live, which needs ``RIEL_LIVE=yes``: real money is never called a test.
        """
        return "live"

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
