"""The magic amounts of the pretend STP: their centavos select a scenario other than settlement.

Every other amount settles. ``.60`` and up are refusals, one for each id that STP has. ``.00`` to ``.10`` mean the
same as in a third-party stub of STP.
"""

from dataclasses import dataclass
from typing import Literal

from rail_spei.sandbox.refusals import HOSTILE, REFUSALS, UNSIGNED, StpRefusal

AnswerFault = Literal["whole", "slow", "forbidden", "bad gateway", "garbage", "cut", "late", "strings"]
LifeCycle = Literal["settles", "stays", "cancelled", "returned", "unheard of"]
WebhookTiming = Literal["in time", "before the answer", "twice", "backwards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The scenario of an order: its states, and the fault of the answer.

    ``stored`` says whether STP booked the order, which the answer may contradict. A scenario with ``first_only`` holds
    for the first request of a tracking key; its copies meet the default one.
    """

    description: str
    answer: AnswerFault = "whole"
    refusal: StpRefusal | None = None
    stored: bool = True
    stored_within_stp: bool = False
    first_only: bool = False
    life_cycle: LifeCycle = "settles"
    cause: int | None = None
    webhooks: WebhookTiming = "in time"
    payee_name: str = ""
    sealed: bool = True
    hides_time: bool = False
    foreign: bool = False
    adds: int = 0
    listed: bool = True


DEFAULT = Scenario(description="accepted, settles (`LQ`; `TLQ` between two accounts of STP)")


def _duplicate(what: str, of: int = -1) -> Scenario:
    return Scenario(description=what, refusal=REFUSALS[of])


SCENARIOS: dict[int, Scenario] = {
    0: DEFAULT,
    1: _duplicate("id -1, although it is this order that STP has: a proxy sent it twice"),
    2: Scenario(description="refused: id -200", refusal=REFUSALS[-200], stored=False),
    3: Scenario(description="refused: id -30, maintenance", refusal=REFUSALS[-30], stored=False),
    4: Scenario(
        description="settles, later `D` with cause 1: DEVOLUCION after LIQUIDACION", life_cycle="returned", cause=1
    ),
    5: Scenario(description="accepted, cancelled (`CN`)", life_cycle="cancelled"),
    6: Scenario(description="accepted, stays in state `A`", life_cycle="stays"),
    7: Scenario(
        description="settles, and the payee's bank reports another name (`nombreCep`)",
        payee_name="OTRA PERSONA SA DE CV",
    ),
    8: Scenario(description="settles without a seal (`sello` null)", sealed=False),
    10: Scenario(description="stored, answered after `slow_seconds`: a time-out", answer="slow"),
    11: Scenario(
        description="never stored, answered 504 after `slow_seconds`: a time-out", answer="slow", stored=False
    ),
    12: Scenario(description='`{"id": 3}` without a text; not stored', refusal=StpRefusal(3, None), stored=False),
    13: Scenario(description="id 0 without a text; stored", refusal=StpRefusal(0, None)),
    14: Scenario(description="HTTP 403 with a page of HTML; not stored", answer="forbidden", stored=False),
    15: Scenario(description="HTTP 502; not stored", answer="bad gateway", stored=False),
    16: Scenario(description="HTTP 502; stored", answer="bad gateway"),
    17: Scenario(description="settles; every number in an answer is a string", answer="strings"),
    18: Scenario(description="settles; `tsLiquidacion` is null for `hidden_seconds` after `LQ`", hides_time=True),
    19: Scenario(description="settles at once, and the webhook comes before the answer", webhooks="before the answer"),
    21: Scenario(description="settles; every webhook comes twice", webhooks="twice"),
    22: Scenario(
        description="settles, later `D`; DEVOLUCION comes before LIQUIDACION",
        life_cycle="returned",
        cause=1,
        webhooks="backwards",
    ),
    23: Scenario(
        description="id -1: another company used the key; a query finds none of ours", foreign=True, stored=False
    ),
    24: Scenario(description="id 0 `No se recibió respuesta del servicio`; stored", refusal=REFUSALS[0]),
    25: Scenario(
        description="id 0 `No se recibió respuesta del servicio`; not stored", refusal=REFUSALS[0], stored=False
    ),
    26: Scenario(
        description="id -30 the first time, then accepted", refusal=REFUSALS[-30], stored=False, first_only=True
    ),
    27: Scenario(description="an id that is in no catalogue; stored", refusal=StpRefusal(-777, "Error no catalogado")),
    28: Scenario(description="an answer that is not JSON; stored", answer="garbage"),
    29: Scenario(description="stored, and the connection breaks before the answer", answer="cut"),
    30: Scenario(
        description="504 at once, and the order arrives `late_seconds` later",
        answer="late",
        stored=False,
        first_only=True,
    ),
    31: Scenario(
        description="id -31; to an account of STP the money moves nevertheless, as has been reported",
        refusal=REFUSALS[-31],
        stored=False,
        stored_within_stp=True,
    ),
    32: Scenario(description="settles, later `D` with a cause that is in no table", life_cycle="returned", cause=99),
    33: Scenario(description="accepted, and then in a state that is in no table (`ZZ`)", life_cycle="unheard of"),
    34: Scenario(
        description="id -200 in words meant to trick an agent", refusal=StpRefusal(-200, HOSTILE), stored=False
    ),
    35: Scenario(description="settles with one centavo more than ordered", adds=1),
    36: Scenario(description="settles, and is missing from the statement of its day", listed=False),
}
SCENARIOS |= {
    60: _duplicate("id -2, although it is this order that STP has", -2),
    61: _duplicate("id 5, although it is this order that STP has", 5),
    62: Scenario(description="id 0 `Error validando la firma`; not stored", refusal=UNSIGNED, stored=False),
    63: Scenario(
        description="id 0 `El campo conceptoPago es obligatorio`; not stored",
        refusal=StpRefusal(0, "El campo conceptoPago es obligatorio"),
        stored=False,
    ),
    64: Scenario(description="id 0 with a text that is in no table; stored", refusal=StpRefusal(0, "Otros")),
}
_BY_ID = (1, 2, 3, 4, 6, 7, 8, -3, -5, -6, -7, -9, -10, -11, -12, -13, -14, -16, -17, -18, -20, -21, -22, -23, -24, -26)
SCENARIOS |= {
    centavos: Scenario(description=f"refused: id {id_}", refusal=REFUSALS[id_], stored=False)
    for centavos, id_ in enumerate((*_BY_ID, -34), 65)
}


def scenario_of(centavos: int) -> Scenario:
    """The scenario of an order of ``centavos``."""
    return SCENARIOS.get(centavos % 100, DEFAULT)
