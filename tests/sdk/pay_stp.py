"""Cuenca's client of STP, ``stpmex``, pays through the pretend STP. It runs where nothing of riel is installed.

``python pay_stp.py URL KEYFILE``: what a user of the client would do, and what they may rely on.
"""

import sys
import time
from pathlib import Path
from typing import Any

import requests
from stpmex import Client
from stpmex.exc import (
    ClaveRastreoAlreadyInUse,
    EmptyResultsError,
    InvalidAccountType,
    InvalidFutureDateError,
    NoOrdenesEncontradas,
    PldRejected,
)

EMPRESA, PASSPHRASE = "PRETEND", "pretend"
PAYER, PAYEE = "646180110400000007", "072691004495711499"
STP = 90646


def until(what: str, done: Any, seconds: float = 20) -> Any:
    """Return what ``done`` returns once it is something."""
    begun = time.monotonic()
    while not (found := done()):
        if time.monotonic() > begun + seconds:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.1)
    return found


def refused(error: type[Exception], call: Any) -> None:
    """Make a call that must be refused with ``error``."""
    try:
        call()
    except error as failure:
        print("refused as at STP:", type(failure).__name__)
    else:
        sys.exit(f"{error.__name__} was expected")


def main(url: str, key: str) -> None:
    """Run each step, and print a word about it."""
    client = Client(EMPRESA, Path(key).read_text(), PASSPHRASE, base_url=f"{url}/speiws/rest")
    client.host_url = url  # it has no argument for the address of the query service

    def pay(monto: float, clave: str, **changes: Any) -> Any:
        fields = {
            "monto": monto,
            "conceptoPago": "Prueba",
            "cuentaBeneficiario": PAYEE,
            "nombreBeneficiario": "Ricardo Sanchez",
            "institucionContraparte": "40072",
            "cuentaOrdenante": PAYER,
            "claveRastreo": clave,
            "referenciaNumerica": 5273144,
        }
        return client.ordenes.registra(**{**fields, **changes})

    order = pay(500.0, "SDK1")
    assert order.id > 999
    print("an order, accepted:", order.id)
    refused(ClaveRastreoAlreadyInUse, lambda: pay(500.0, "SDK1"))
    refused(PldRejected, lambda: pay(500.02, "SDK2"))
    card = {"cuentaBeneficiario": "4242424242424242", "institucionContraparte": "40012"}
    refused(InvalidAccountType, lambda: pay(500.0, "SDK3", **card))

    def found(**when: Any) -> Any:
        return client.ordenes_v2.consulta_clave_rastreo_enviada("SDK1", **when)

    settled = until("the settlement", lambda: _in(found(), "LQ"))
    assert (settled.idEF, settled.monto, settled.sello is None) == (order.id, 500.0, False)
    day = settled.fechaOperacion
    assert found(fecha_operacion=day).idEF == order.id, "the running day, with its date"
    print("found with and without the date of the running day:", day)
    named = until("the name at the bank", lambda: found() if found().nombreCep else None)
    assert named.nombreCep == "RICARDO SANCHEZ"
    refused(EmptyResultsError, lambda: client.ordenes_v2.consulta_clave_rastreo_enviada("UNKNOWN"))
    refused(InvalidFutureDateError, lambda: found(fecha_operacion=day.replace(year=day.year + 1, day=min(day.day, 28))))

    for when in (None, day):
        older = client.ordenes.consulta_clave_rastreo("SDK1", STP, when)
        assert (older.idEF, older.estado.value) == (order.id, "LQ")
        assert 0 < older.tsEntrega < 3600, "a duration"
    refused(NoOrdenesEncontradas, lambda: client.ordenes.consulta_clave_rastreo("UNKNOWN", STP))
    assert [each.claveRastreo for each in client.ordenes.consulta_enviadas()] == ["SDK1"]
    assert client.ordenes.consulta_recibidas() == []
    print("found by the older queries")

    assert [each.claveRastreo for each in client.conciliacion.consulta_enviadas(day)] == ["SDK1"]
    refused(EmptyResultsError, client.conciliacion.consulta_recibidas)
    requests.post(
        f"{url}/_sandbox/receive", json={"amount": 24_000, "trackingKey": "IN1"}, timeout=10
    ).raise_for_status()
    assert [each.claveRastreo for each in client.conciliacion.consulta_recibidas()] == ["IN1"]
    assert client.ordenes.consulta_clave_rastreo("IN1", 40002).monto == 240.0
    totals = {each.tipoOperacion.value: each.montoTotal for each in client.saldos.consulta_saldo_env_rec()}
    assert totals == {"E": 500.0, "R": 240.0}, totals
    print("the day's list and its totals:", totals)


def _in(order: Any, state: str) -> Any:
    return order if order.estado.value == state else None


main(sys.argv[1], sys.argv[2])
