"""``feedback``: what an agent ran into, kept in the journal, and delivered to whoever receives notifications."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from rail_fintoc.tools.arguments import Text, arguments_model
from riel import Tool, clean_text

MAX_MESSAGE: Final = 2000

Message = Annotated[
    str, Field(min_length=1, max_length=MAX_MESSAGE, description="What happened and what you expected.")
]


def build_notice(arguments: Any) -> Mapping[str, Any]:
    """The message, cleaned: an agent writes it, and people read it."""
    notice = {"message": clean_text(arguments.message, MAX_MESSAGE)}
    return notice | ({"about": arguments.tool} if arguments.tool else {})


FEEDBACK: Final = Tool(
    name="feedback",
    title="Report a problem",
    description="Report a blocker or unexpected behavior of these tools to the operator. Write no secrets and no "
    "account numbers.",
    scope="feedback:create",
    input=arguments_model(
        "feedback", message=(Message,), tool=Annotated[Text, Field(description="The tool that it is about.")]
    ),
    build_notification=build_notice,
)
