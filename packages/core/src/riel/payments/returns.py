"""A payment that was received, and the one that gives it back: made by the rail, and confirmed like any other."""

import asyncio
import logging

from riel.errors import Code, NothingLearned, NothingSent
from riel.payments.context import Context
from riel.rail import Payment, Refund

log = logging.getLogger(__name__)


async def build_return(context: Context, rail: str, refund: Refund) -> Payment | None:
    """The payment that gives back what ``refund`` names, or ``None`` where the rail never received that.

    :raises NothingSent: the rail cannot be asked, or that cannot be given back.
    """
    client = await context.clients.of(rail)
    try:
        async with asyncio.timeout(context.timing.answer_within.total_seconds()):
            found = await client.build_return(refund)  # type: ignore[attr-defined]
    except NothingSent:
        raise
    except (NothingLearned, TimeoutError) as failure:
        raise NothingSent(Code.RAIL_NO_ANSWER, rail=context.rails[rail].declaration.title) from failure
    except (Exception, SystemExit) as failure:
        log.warning("the rail %r failed to tell what was received (%s)", rail, type(failure).__name__)
        found = failure
    if found is None or isinstance(found, Payment):
        return found
    raise NothingSent(Code.RAIL_BROKEN, rail=rail, problem="it did not say which payment was received")
