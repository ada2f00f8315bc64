"""The 18 tools of Fintoc's own MCP server, by the names, parameters and permissions that it documents, and three more.

``listing`` has those that read lists, ``fetching`` the one that finds any object by its id, ``making`` those that make
something, and ``telling`` the one that talks to people.
"""

from rail_fintoc.tools.fetching import FETCH
from rail_fintoc.tools.listing import LISTS
from rail_fintoc.tools.making import MAKING
from rail_fintoc.tools.telling import FEEDBACK
from riel import Tool

__all__ = ["TOOLS"]

TOOLS: tuple[Tool, ...] = (*LISTS, *MAKING, FETCH, FEEDBACK)
