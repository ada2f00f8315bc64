import pytest
from tests.support.server import *
@pytest.mark.anyio
async def test_x(nursery, home, bank):
    async with serving(nursery, home, bank) as s:
        assert (await s.call(STATUS, trackingKey="x"))["error"]["code"]
        await s.leave()
