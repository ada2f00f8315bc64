"""Several servers on one journal, killed one after the other: as many debits as payments, and no doubt left."""

import secrets

import pytest

from riel.journal import State

from .support.bank import Bank
from .support.fire import alight
from .support.processes import Nursery
from .support.proof import proven
from .support.server import Home

pytestmark = pytest.mark.anyio


async def under_fire(
    nursery: Nursery, home: Home, bank: Bank, *, replicas: int, callers: int, payments: int, every: float
) -> str:
    """Pay under fire, prove what must hold, and say what happened."""
    seed = secrets.randbelow(10**9)
    print(f"seed {seed}")
    fire = alight(nursery, home, bank, replicas=replicas, seed=seed)
    try:
        took = await fire.burn(payments=payments, callers=callers, every=every)
        for replica in fire.replicas:
            await replica.leave()
    finally:
        await fire.close()
    found = await proven(home, bank, fire.told)
    settled = [record for record in found if record.state is State.SETTLED]
    assert len(found) == payments
    assert sorted(record.money.amount for record in settled) == sorted(debit["amount"] for debit in bank.debits())
    assert {record.state for record in found} <= {State.SETTLED, State.REJECTED}
    assert fire.killed
    again = sum(record.sends > 1 for record in found)
    return (
        f"{replicas} replicas, {callers} callers: {payments:,} payments in {took:.0f} s ({payments / took:.0f}/s), "
        f"{fire.killed} replicas killed, {len(bank.debits()):,} debits for {len(settled):,} settled payments, "
        f"{again} orders sent more than once, none paid twice, none left in doubt"
    )


async def test_two_servers_on_one_file_pay_once_though_they_are_killed(
    nursery: Nursery, home: Home, bank: Bank
) -> None:
    print(await under_fire(nursery, home, bank, replicas=2, callers=8, payments=120, every=0.3))
