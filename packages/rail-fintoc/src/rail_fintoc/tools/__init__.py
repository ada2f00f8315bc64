"""The 18 tools of Fintoc's own MCP server, by the names, parameters and permissions that it documents, and three more.

``lists`` has those that read lists, ``fetch_resource`` the one that finds any object by its id, ``create`` those that
create something, and ``feedback`` the one that reports to the operator.
"""

from rail_fintoc.tools.create import CREATE_TOOLS
from rail_fintoc.tools.feedback import FEEDBACK
from rail_fintoc.tools.fetch_resource import FETCH
from rail_fintoc.tools.lists import LISTS
from riel import Tool

__all__ = ["TOOLS"]

TOOLS: tuple[Tool, ...] = (*LISTS, *CREATE_TOOLS, FETCH, FEEDBACK)
