"""The tools of each active rail: described, checked, and answered with one envelope.

No exception and no secret leaves a tool.
"""

from riel.tools.envelope import Envelope
from riel.tools.registry import ToolSpec, build_tools, not_an_object, unknown_tool
from riel.tools.scopes import Scopes
from riel.tools.search_docs import AskDocs

__all__ = ["AskDocs", "Envelope", "Scopes", "ToolSpec", "build_tools", "not_an_object", "unknown_tool"]
