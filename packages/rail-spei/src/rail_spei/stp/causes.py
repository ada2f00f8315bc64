"""The causes of a return: the numbers of ``causaDevolucion``, each with a sentence and advice for people.

The source is STP's own material; for 1-3, 5, 6, 16, 17, 20-22 and 24-27 another participant's public table agrees.
Tables in circulation number the causes otherwise: one where 1 is not "the account does not exist" is wrong.
"""

from dataclasses import dataclass

from rail_spei.stp.parser import displayable, parse_int


@dataclass(frozen=True, slots=True)
class Bilingual:
    """One sentence in two languages."""

    english: str
    spanish: str


@dataclass(frozen=True, slots=True)
class ReturnCause:
    """One cause of a return: ``code`` is STP's number (empty where STP gave none), ``advice`` says what to do."""

    code: str
    meaning: Bilingual
    advice: Bilingual

    @property
    def provider_code(self) -> str:
        """The code under which the rail's table of errors explains it."""
        return f"cause:{self.code}" if self.code and int(self.code) in CAUSES else "state:D"


_CHECK = Bilingual(
    "Ask the person to check the CLABE with the payee. The money is back.",
    "Verifique la CLABE con el beneficiario. El dinero regresó.",
)
_OTHER_ACCOUNT = Bilingual(
    "Ask the person for another account of the payee. The money is back.",
    "Pida otra cuenta al beneficiario. El dinero regresó.",
)
_ASK_PAYEE = Bilingual(
    "Ask the person to speak with the payee. The money is back.",
    "Consulte al beneficiario. El dinero regresó.",
)
_LATER = Bilingual(
    "Ask the person whether to pay later or less. The money is back.",
    "Pague más tarde o un monto menor. El dinero regresó.",
)
_OUR_DEFECT = Bilingual(
    "This is a fault of the software or its configuration: tell the operator. The money is back.",
    "Es una falla del sistema o de su configuración: avise al operador. El dinero regresó.",
)
_TELL = Bilingual(
    "Tell the person that the money is back; the operator can ask STP about the cause.",
    "Avise que el dinero regresó; el operador puede preguntar la causa a STP.",
)

CAUSES: dict[int, ReturnCause] = {
    code: ReturnCause(str(code), Bilingual(english, spanish), advice)
    for code, english, spanish, advice in (
        (1, "The payee's account does not exist.", "La cuenta del beneficiario no existe.", _CHECK),
        (2, "The payee's account is blocked.", "La cuenta del beneficiario está bloqueada.", _ASK_PAYEE),
        (3, "The payee's account was cancelled.", "La cuenta del beneficiario está cancelada.", _OTHER_ACCOUNT),
        (5, "The payee's account is in another currency.", "La cuenta está en otra divisa.", _OTHER_ACCOUNT),
        (
            6,
            "The account does not belong to the institution that received the payment.",
            "La cuenta no pertenece a la institución receptora.",
            _CHECK,
        ),
        (13, "The payee does not recognise the payment.", "El beneficiario no reconoce el pago.", _ASK_PAYEE),
        (14, "Mandatory information is missing.", "Falta información obligatoria.", _OUR_DEFECT),
        (15, "The type of payment is wrong.", "El tipo de pago es erróneo.", _OUR_DEFECT),
        (16, "The type of operation is wrong.", "El tipo de operación es erróneo.", _OUR_DEFECT),
        (17, "The kind of account does not match.", "El tipo de cuenta no corresponde.", _CHECK),
        (18, "The payer asked for it back.", "Devolución a solicitud del emisor.", _TELL),
        (19, "The payment holds an invalid character.", "El pago contiene un carácter inválido.", _OUR_DEFECT),
        (20, "The payee's balance limit was exceeded.", "Excede el límite de saldo de la cuenta.", _LATER),
        (
            21,
            "The payee's monthly limit of deposits was exceeded.",
            "Excede el límite de abonos del mes de la cuenta.",
            _LATER,
        ),
        (22, "The mobile number is not registered.", "El número de celular no está registrado.", _CHECK),
        (
            23,
            "It is an additional account that takes payments from Banco de México only.",
            "La cuenta adicional solo recibe pagos del Banco de México.",
            _OTHER_ACCOUNT,
        ),
        (
            24,
            "The additional information is not structured as it must be.",
            "La estructura de la información adicional es incorrecta.",
            _OUR_DEFECT,
        ),
        (
            25,
            "An instruction is missing for dispersing what exceeds the balance limit.",
            "Falta la instrucción para dispersar por límite de saldo.",
            _ASK_PAYEE,
        ),
        (
            26,
            "It came back under the agreement for the protection of the sending client (fraud).",
            "Devolución por el convenio de protección del cliente emisor.",
            _TELL,
        ),
        (
            27,
            "The payee's institution does not take this optional type of payment.",
            "La institución receptora no acepta ese tipo de pago opcional.",
            _OTHER_ACCOUNT,
        ),
        (
            28,
            "The CoDi notification was not delivered in time.",
            "La notificación de CoDi no se entregó a tiempo.",
            _LATER,
        ),
        (
            30,
            "The tracking key was repeated by the sender on that day.",
            "El emisor repitió la clave de rastreo ese día.",
            _OUR_DEFECT,
        ),
        (31, "The sender's certificate has expired.", "El certificado del emisor está vencido.", _OUR_DEFECT),
    )
}


def cause_of(value: object) -> ReturnCause:
    """Return the cause for ``causaDevolucion``: a number, in the table or not, a text (in webhooks), or nothing."""
    number = parse_int(value.strip()) if isinstance(value, str) else parse_int(value)
    if number in CAUSES:
        return CAUSES[number]
    if number:
        english, spanish = f"The payee's institution gave the cause {number}.", f"Causa de devolución {number}."
        return ReturnCause(str(number), Bilingual(english, spanish), _TELL)
    if text := displayable(value):
        return ReturnCause("", Bilingual(f"The payee's institution wrote: {text}", text), _TELL)
    return ReturnCause("", Bilingual("No cause was given.", "Sin causa informada."), _TELL)
