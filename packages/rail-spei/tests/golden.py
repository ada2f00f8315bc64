"""Texts and signatures of one public test company, of which most were sent to STP's demo service and accepted.

The first stands in the unit tests of ``stpmex``, the others in its recorded traffic. The private key is not here: RSA
PKCS#1 v1.5 leaves nothing to chance, so a signature that verifies is the one that this text has.
"""

from dataclasses import dataclass
from datetime import date

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rail_spei.stp.cadena import STP, RegisterOrder, SignedRequest, legacy, query, reconciliation

PEM = b"""-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDO6dcS4k8Sz//09ISLLCIqHjCY
NpHUbtauyu4+N3bvTOxgyX9RfC9hQ0HyL6VjcAoY67BNF1gvLPTRB0ijwMPpl2uE
yv2y1pPwxmDoH4dH0aoRrWUWzSejnfVn4NoHIchiu8umIofDFuGb/cIDnVBikKNF
BTf6HxPePUW2p35Q9wIDAQAB
-----END PUBLIC KEY-----
"""


def public_key() -> RSAPublicKey:
    key = load_pem_public_key(PEM)
    assert isinstance(key, RSAPublicKey)
    return key


@dataclass(frozen=True)
class Golden:
    name: str
    request: RegisterOrder | SignedRequest
    cadena: str
    firma: str


def order(key: str) -> RegisterOrder:
    """Neither the payer's name nor their RFC is in it, and ``prioridad`` is 0."""
    return RegisterOrder(
        institucion_contraparte="40072",
        empresa="TAMIZI",
        clave_rastreo=key,
        monto=120,
        cuenta_ordenante="646180110400000007",
        nombre_beneficiario="Ricardo Sanchez",
        cuenta_beneficiario="072691004495711499",
        concepto_pago="Prueba",
        referencia_numerica=5273144,
        topologia="T",
        prioridad=0,
    )


GOLDEN = (
    Golden(
        "an order",
        order("CR1564969083"),
        "||40072|TAMIZI|||CR1564969083|90646|1.20|1|40||646180110400000007||40|Ricardo Sanchez|"
        "072691004495711499|ND||||||Prueba||||||5273144||T||3|0|||",
        "KDNKDVVuyNt9oTXPAlofGXGH5L5IH9PAzOsx0JZFtmGlU+10QRf2RHSg0OVCnYYpu5sC3DJ6vlXuYM40+uNw0t"
        "Mc0y8Dv26uO8Vv2GhOhMqaGk72LwgwgmqVg17xzjgGbJHzAzMav3fx4/3No+mSnf7vxpe4ePf6yK1yU5U28L4=",
    ),
    Golden(
        "an order that STP accepted",
        order("CR1609257595"),
        "||40072|TAMIZI|||CR1609257595|90646|1.20|1|40||646180110400000007||40|Ricardo Sanchez|"
        "072691004495711499|ND||||||Prueba||||||5273144||T||3|0|||",
        "L1ABpeih5nwIuFQPZoqjAjaWk9+vslRevKH6XcY169/GJhosoYkL6RtrStaHVUbMvjii11IcQkhN+25qjQQJ+C"
        "UTb3dQjATb4uVBxtebJIPFoITztR1fI6ZMdTab7zt13p5SAvPpuLowjl3yV5B7zBX8Ud+AlB3/9JBUCVVyOmc=",
    ),
    Golden(
        "a query of today",
        query("TAMIZI", "CRINEXISTENTE", "E"),
        "||TAMIZI|CRINEXISTENTE|E|||",
        "stqK+F6CMAImkTymhpJ2bd0JuKmjrTN6e3oSOul5us03DojeS86Eg05+jlOzfOm9xHn8sk3oqQ1kRS2Utj79pj"
        "p+BcldOCx+8yqapUIkTeTH4D2UB3e1sCc0RmJhpi4FDHVUScjAJzckZ0tX/+kHuChykxHVWWtybbxc8ihW/ic=",
    ),
    Golden(
        "a query of a day",
        query("TAMIZI", "PruebaDevolucion1", "R", date(2023, 11, 6)),
        "||TAMIZI|PruebaDevolucion1|R|20231106||",
        "UosxA4L6RMJ8UevJw7mYleOCYd+rTKiTRaCv07cbyVnVu0JWBjGuDwaFyTEc3rQzK0VDZrcZEmqhL1d4iuK/td"
        "rd0zmdEpT8HbDGM+frs6KBmVrqYxHDAJZ9FBn/698lHl99aB0BAu46EFoH7nzVqRNj2prAYRRiUfIJbPBB350=",
    ),
    Golden(
        "a list of a day",
        reconciliation("TAMIZI", "R", date(2023, 11, 6)),
        "||TAMIZI|R|20231106||",
        "ul4LIFvxiANuh+rPjoQ6oUB1bpkJ6bWtLUheHxL+Zs1adDSQXO2mSsnAsAEDRZ7zno7D+GVuV98VP6w+7ebyZx"
        "C8IcQWL+57eTiRDj4c24O4fkqd9jnM+8Ba9FtsYSSVyP9YDUhWuxe1hpgWxqqzm9F/Pvro40vcyC7S3meknOQ=",
    ),
    Golden(
        "an older query",
        legacy(empresa="TAMIZI", day=date(2020, 4, 20), key="CR1564969083", institution=STP),
        "|||TAMIZI|20200420||CR1564969083|90646||||||||||||||||||||||||||||||",
        "pj3+C3iAwjXFsjBEeS0gSO0SMhV8T1PnmHEB4EmZHliKI/KY7TJ7DySj6JqkAVny1gddOiX8whBPutn/KpxR9k"
        "Mf6FbNssRiy2ystppIKq7jcGZ0yEyCF8ZqWAMuEOWnF5sQ4Zb3tyAyMh0iEaaU/8nFf5yzs7UQiTgeinWWjvo=",
    ),
    Golden(
        "an account",
        SignedRequest({"empresa": "TAMIZI", "cuenta": "646180157018613700", "rfcCurp": "SAHE800416HDFABC01"}),
        "||TAMIZI|646180157018613700|SAHE800416HDFABC01||",
        "j0aKfUr/ZpSz0WaFZc3aPjUuF3ZUpJWBKnALRqwGM0tlyAgMI5yaw2s6tbII4OiE4irJKeQqhniljzHdlVoyVC"
        "pMZOmFkV24AStayqVdNZ/hLtJDpcAxjwlBcwYM74oG5Qcl0+rBAY+UA7eRsLVtiVJzMy4/nxlt9+uoqoqchkk=",
    ),
)

SOAP_BALANCE_ACCOUNT = "646180157000000004"  # signed as it is, without pipes
SOAP_BALANCE_FIRMA = (
    "Cz/mqIQLCtUeNYtw3XYL7zXeqbpNpa5cyfUEleQmpfAu8nreVsaa9wMErg89qUCZRF0vpjxszHZ1L5foMcTa9f"
    "t2/4BgvU+EFyqFl7tbVRIn/Gp5Ermq76HrQdK5j7DDawvtPpboFSEC4Bubb42n3VwlYFLIGHYpTrCgw+I2GfE="
)
