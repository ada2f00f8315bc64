"""``feedback``: what an agent ran into, kept in the journal, and delivered to whoever receives notifications."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from rail_fintoc.tools.arguments import Text, inputs
from riel import Tool, clean_text

MOST: Final = 2000

Message = Annotated[str, Field(min_length=1, max_length=MOST, description="What happened and what you expected.")]


def tell(asked: Any) -> Mapping[str, Any]:
    """The message, cleaned: an agent writes it, and people read it."""
    told = {"message": clean_text(asked.message, MOST)}
    return told | ({"about": asked.tool} if asked.tool else {})


FEEDBACK: Final = Tool(
    name="feedback",
    title="Report a problem",
    description="Report a blocker or unexpected behavior of these tools to the operator. Write no secrets and no "
    "account numbers.",
    scope="",
    input=inputs("feedback", message=(Message,), tool=Text),
    build_notification=tell,
)
