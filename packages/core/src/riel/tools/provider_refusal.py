"""A provider's refusal of what was asked before anything was paid, as an agent reads it."""

from riel.errors import Code, NothingSent, Rejected
from riel.text import clean_text
from riel.tools.confirmation import ConfirmingTool


def provider_refusal(tool: ConfirmingTool, refused: Rejected) -> NothingSent:
    """The provider's refusal, in the words of the rail's table if its code is listed there."""
    declaration, clean = tool.rail.declaration, tool.engine.clean
    known = declaration.errors.get(refused.provider_code)
    theirs = {"providerMessage": refused.provider_message, "providerCode": "" if known else refused.provider_code}
    untrusted = {name: clean_text(clean(words)) for name, words in theirs.items() if words}
    details = {"untrusted": untrusted} if untrusted else {}
    if known is None:
        return NothingSent(Code.RAIL_REJECTED, rail=declaration.title, details=details)
    return NothingSent(known, details=details)
