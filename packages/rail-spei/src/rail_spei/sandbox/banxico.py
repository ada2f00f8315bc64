"""A pretend CEP site of Banxico: the two calls of its form, with its sentences, its cookies and its limits.

Written from what the real site was seen to do. It answers 200 to almost everything, finds a payment only where every
datum fits, under the calendar date of the credit, and hands the CEP only to the cookies that asked for it.
"""

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from rail_spei.sandbox.receipts import Credit, cep_of

SESSIONS = 1000
LONGEST_FORM = 4096

FIELDS = {
    *("tipoCriterio", "fecha", "criterio", "emisor", "receptor", "cuenta", "monto", "receptorParticipante"),
    *("captcha", "tipoConsulta"),
}
COOKIE = "JSESSIONID"

NOT_MATCHED = "[BE] No se encontró ningún pago con la información proporcionada. Verifique e intente nuevamente."
NOT_RECEIVED = (
    "Operación no encontrada. El SPEI no ha recibido una orden de pago que cumpla con el criterio de búsqueda "
    "especificado."
)
IDENTIFIED = (
    "Por el momento no es posible generar el CEP. Con la información proporcionada se identificó el siguiente pago:"
)
TOO_OFTEN = "Lo sentimos, pero ha excedido el n&uacute;mero m&aacute;ximo de consultas en este portal."
CAPTCHA = "La imagen de seguridad no fue ingresada correctamente. Favor de validar."


@dataclass
class Mood:
    """What else the site does today: it wants a captcha, or answers everything with an HTTP error."""

    wants_captcha: bool = False
    trouble: int = 0


def pretend_banxico(
    credits: Callable[[], Iterable[Credit]],  # noqa: A002  # what SPEI credited
    *,
    clock: Callable[[], datetime],
    mood: Mood | None = None,
    most: int = 20,
    within: timedelta = timedelta(hours=1),
) -> Starlette:
    """The site at ``/cep``. It takes ``most`` requests ``within`` a time and says then that it was asked too often."""
    site = _Site(credits, clock, mood or Mood(), most, within)
    app = Starlette(
        routes=[
            Route("/cep/valida.do", site.validate, methods=["POST"]),
            Route("/cep/descarga.do", site.download, methods=["GET"]),
        ]
    )
    app.router.redirect_slashes = False
    return app


class _Site:
    def __init__(
        self,
        credits: Callable[[], Iterable[Credit]],  # noqa: A002
        clock: Callable[[], datetime],
        mood: Mood,
        most: int,
        within: timedelta,
    ) -> None:
        self._credits = credits
        self._clock = clock
        self._mood = mood
        self._most = most
        self._within = within
        self._asked: deque[datetime] = deque()
        self._found: OrderedDict[str, Credit] = OrderedDict()

    async def validate(self, request: Request) -> Response:
        """``POST /cep/valida.do``"""
        form = dict(parse_qsl((await request.body())[:LONGEST_FORM].decode("latin-1"), keep_blank_values=True))
        if missing := sorted(FIELDS ^ form.keys()):
            return HTMLResponse(f"not the form's fields: {missing}", 400)
        if (refusal := self._refusal()) is not None:
            return refusal
        if self._mood.wants_captcha:
            return _page(CAPTCHA)
        known = [c for c in self._credits() if c.tracking_key == form["criterio"]]
        if not known:
            return _page(NOT_RECEIVED)
        credit = next((c for c in known if _fits(c, form)), None)
        if credit is None:
            return _page(NOT_MATCHED)
        if credit.cep == "not_generated":
            return _page(IDENTIFIED + _table(credit))
        session = secrets.token_hex(16)
        self._found[session] = credit
        if len(self._found) > SESSIONS:
            self._found.popitem(last=False)
        response = _page('<a href="descarga.do?formato=PDF">PDF</a> <a href="descarga.do?formato=XML">XML</a>')
        response.set_cookie(COOKIE, session, path="/", httponly=True)
        return response

    async def download(self, request: Request) -> Response:
        """``GET /cep/descarga.do?formato=XML``"""
        if (refusal := self._refusal()) is not None:
            return refusal
        credit = self._found.get(request.cookies.get(COOKIE, ""))
        if credit is None or request.query_params.get("formato") != "XML":
            return HTMLResponse("<h1>404</h1>", 404)
        return Response(cep_of(credit), media_type="application/xml")

    def _refusal(self) -> Response | None:
        if self._mood.trouble:
            return HTMLResponse(f"<h1>{self._mood.trouble}</h1>", self._mood.trouble)
        now = self._clock()
        while self._asked and self._asked[0] <= now - self._within:
            self._asked.popleft()
        if len(self._asked) >= self._most:
            return _page(TOO_OFTEN)
        self._asked.append(now)
        return None


def _fits(credit: Credit, form: Mapping[str, str]) -> bool:
    return form == {
        "tipoCriterio": "T",
        "fecha": f"{credit.listed_on or credit.credited:%d-%m-%Y}",
        "criterio": credit.tracking_key,
        "emisor": credit.sender,
        "receptor": credit.receiver,
        "cuenta": credit.account,
        "monto": credit.two_decimals,
        "receptorParticipante": "0",
        "captcha": "c",
        "tipoConsulta": "1",
    }


def _page(text: str) -> HTMLResponse:
    """With the comment that the real pages carry: every sentence is in there, and none of it is said."""
    silent = f"<!-- <strong>{NOT_RECEIVED} {IDENTIFIED} {TOO_OFTEN}</strong> -->"
    return HTMLResponse(f"{silent}<div class='cuerpo-msg'><strong>{text}</strong></div>")


def _table(credit: Credit) -> str:
    rows = {
        "N&uacute;mero de Referencia": "1234567",
        "Clave de Rastreo": credit.tracking_key,
        "Instituci&oacute;n emisora del pago": credit.sender_name,
        "Instituci&oacute;n receptora del pago": credit.receiver_name,
        "Estado del pago en Banxico": credit.state,
        "Fecha y hora de procesamiento": f"{credit.credited:%d/%m/%Y %H:%M:%S}",
        "Cuenta Beneficiaria": credit.account,
        "Monto": credit.two_decimals,
    }
    return "<table>" + "".join(f"<tr><td>{k}</td><td>{v}</td></tr>\n" for k, v in rows.items()) + "</table>"
