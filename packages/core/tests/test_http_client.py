"""The HTTP client that a rail is handed: what counts as sent, where it goes, how much it reads, and what it says."""

import asyncio
import gzip
import logging
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from riel.errors import NothingLearned, NotSent, OutcomeUnknown
from riel.http.calls import paying, reading
from riel.http.wire import MAX_ANSWER, counted
from riel.rail import RailSettings
from riel.rail.tls import tls_context
from riel.testing.harness import http_client

pay = partial(paying, longest_wait=timedelta(0))
read = partial(reading, longest_wait=timedelta(0))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NOW = datetime.now(UTC)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]

pytestmark = pytest.mark.anyio


class BankSettings(RailSettings):
    """Nothing but an address, and whose money leaves."""

    @property
    def payer(self) -> str:
        """The only account."""
        return "the only account"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def serving(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on this machine; its port."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(closing, "127.0.0.1", ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(*answers: bytes, heads: list[bytes] | None = None) -> Serve:
    """Answer the requests of all connections one after the other, the last one from then on."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if heads is not None:
                heads.append(head)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    return serve


def settings(port: int = 9, **other: Any) -> BankSettings:
    return BankSettings(base_url=f"http://127.0.0.1:{port}", **other)


# What counts as sent


async def test_a_redirect_to_a_dead_host_after_an_order_was_booked_is_no_proof_that_nothing_was_sent() -> None:
    heads: list[bytes] = []
    moved = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(moved, heads=heads)) as port, http_client(settings(port)) as http:
        assert (await pay(lambda: http.post("/orders", content=b"1"))).status_code == 307
        with pytest.raises(TypeError, match="follows no redirects"):
            await pay(lambda: http.post("/orders", content=b"1", follow_redirects=True))
        http.follow_redirects = True
        assert (await pay(lambda: http.post("/orders", content=b"1"))).status_code == 307
    assert len(heads) == 2, "each call sent one request, and none of them to another address"


async def test_two_requests_of_one_call_are_counted_together() -> None:
    async with serving(answering(OK)) as port, http_client(settings(port)) as http:
        with counted():
            await pay(lambda: http.post("/quote"))
            with pytest.raises(OutcomeUnknown):
                await pay(lambda: http.post("http://127.0.0.1:1/orders"))
        with counted(), pytest.raises(NotSent):
            await pay(lambda: http.post("http://127.0.0.1:1/orders"))


class TwoSteps(httpx.Auth):
    """An authentication that asks for a token first."""

    def __init__(self, url: str) -> None:
        self.url = url

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        yield httpx.Request("POST", self.url)
        yield request


async def test_a_step_of_an_authentication_counts_as_a_request() -> None:
    async with serving(answering(OK)) as port, http_client(settings(1)) as http:
        with pytest.raises(OutcomeUnknown):
            await pay(lambda: http.post("/orders", auth=TwoSteps(f"http://127.0.0.1:{port}/token")))


async def test_what_is_read_before_an_order_is_no_part_of_it() -> None:
    async with serving(answering(OK)) as port, http_client(settings(port)) as http:
        with counted() as wire:
            await read(lambda: http.post("/token"))
            assert wire.requests == 0
            with pytest.raises(NotSent):
                await pay(lambda: http.post("http://127.0.0.1:1/orders"))


async def test_a_request_counts_from_before_its_first_byte() -> None:
    """The transport reports that it writes; the exception that it then raises is not believed against that."""

    class Liar(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            core = request.extensions["trace"]
            await core("http11.send_request_headers.started", {})
            raise httpx.ConnectError("so it says")

    async with http_client(settings(), Liar()) as http:
        with counted() as wire, pytest.raises(OutcomeUnknown):
            await pay(lambda: http.post("/orders"))
        assert (wire.attempts, wire.requests) == (1, 1)


@pytest.mark.parametrize("failure", [httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout, RuntimeError])
async def test_a_request_counts_where_a_transport_reports_nothing_and_fails_later(failure: type[Exception]) -> None:
    """Its silence is not believed: only a failure from before the first byte leaves a request uncounted."""

    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise failure("after the order was written")

    async with http_client(settings(), Silent()) as http:
        with counted() as wire, pytest.raises(RuntimeError if failure is RuntimeError else OutcomeUnknown):
            await pay(lambda: http.post("/orders"))
        assert (wire.attempts, wire.requests) == (1, 1)


# The proxy


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "proxy refused"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "proxy refused"),
    ],
)
async def test_what_a_proxy_refused_was_never_sent(answer: bytes, cause: str) -> None:
    async with serving(answering(answer)) as port:
        known = BankSettings(base_url="https://bank.invalid", proxy=f"http://127.0.0.1:{port}")  # type: ignore[arg-type]
        async with http_client(known) as http:
            with pytest.raises(NotSent) as failure:
                await pay(lambda: http.post("/orders"))
    assert failure.value.cause == cause


async def test_a_proxy_that_is_not_there_is_named_as_the_cause() -> None:
    known = BankSettings(base_url="https://bank.invalid", proxy="http://127.0.0.1:1")  # type: ignore[arg-type]
    async with http_client(known) as http:
        with pytest.raises(NotSent) as failure:
            await pay(lambda: http.post("/orders"))
    assert failure.value.cause == "proxy: connection refused"


async def test_an_order_goes_by_no_proxy_but_the_one_of_the_settings_and_by_none_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxied: list[bytes] = []
    async with serving(answering(OK, heads=proxied)) as proxy, serving(answering(OK)) as port:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        async with http_client(settings(port)) as http:
            assert (await pay(lambda: http.post("/orders"))).status_code == 200
        async with http_client(settings(port, proxy=f"http://127.0.0.1:{proxy}")) as http:
            assert (await pay(lambda: http.post("/orders"))).status_code == 200
        assert proxied == []
        known = BankSettings(base_url="http://bank.invalid", proxy=f"http://127.0.0.1:{proxy}")  # type: ignore[arg-type]
        async with http_client(known) as http:
            assert (await pay(lambda: http.post("/orders"))).status_code == 200
        assert len(proxied) == 1


# TLS, and why a connection failed


def certificate(
    folder: Path, name: str = "127.0.0.1", *, begins: datetime = NOW - timedelta(days=2), days: int = 30
) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bank")])
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name), *_addresses(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (cert := folder / "cert.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    (private := folder / "key.pem").touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert, private


def _addresses(name: str) -> list[x509.IPAddress]:
    import ipaddress

    return [x509.IPAddress(ipaddress.ip_address(name))] if name[0].isdigit() else []


def of_server(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.mark.parametrize(
    ("made", "trusted", "cause"),
    [
        ({"begins": NOW - timedelta(days=60)}, True, "certificate expired"),
        ({"begins": NOW + timedelta(days=1)}, True, "certificate not yet valid"),
        ({}, False, "certificate self-signed"),
        ({"name": "another.example"}, True, "certificate for another name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_why_no_connection_was_made_is_said_in_the_error_and_once_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, made: dict[str, Any], trusted: bool, cause: str
) -> None:
    cert, key = certificate(tmp_path, **made)
    async with serving(answering(OK), of_server(cert, key)) as port:
        known = BankSettings(base_url=f"https://127.0.0.1:{port}", ca_bundle=cert if trusted else None)
        async with http_client(known) as http:
            for _ in range(2):
                with pytest.raises(NotSent) as failure:
                    await pay(lambda: http.post("/orders"))
                assert failure.value.error.details == {"cause": cause}
            with pytest.raises(NothingLearned) as nothing:
                await read(lambda: http.get("/orders"))
            assert nothing.value.cause == cause
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == [f"the rail 'test' gets no answer from its provider: {cause}"]


async def test_other_causes_have_a_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: Any, *more: Any, **how: Any) -> Any:
        """Know no name, as a resolver would answer: nobody outside of this machine is asked."""
        if host in {"bank.invalid", b"bank.invalid"}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with serving(plain) as port, serving(silent) as cut:
        for url, cause in (
            (f"https://127.0.0.1:{port}", "TLS failed"),
            ("http://127.0.0.1:1", "connection refused"),
            ("http://bank.invalid", "host not found"),
            (f"http://127.0.0.1:{cut}", "answer cut off"),
        ):
            async with http_client(BankSettings(base_url=url)) as http:
                with pytest.raises(NothingLearned) as nothing:
                    await read(lambda http=http: http.get("/orders"))  # type: ignore[misc]
                assert nothing.value.cause == cause


async def test_a_success_is_logged_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "riel.http")
    async with serving(answering(OK)) as port, http_client(settings(port)) as http:
        for url in ("http://127.0.0.1:1/", "/", "/", "http://127.0.0.1:1/"):
            with suppress(NothingLearned):
                await read(partial(http.get, url))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("riel.http")] == [
        "the rail 'test' gets no answer from its provider: connection refused",
        "the rail 'test' gets answers from its provider again",
        "the rail 'test' gets no answer from its provider: connection refused",
    ]


async def test_the_provider_is_shown_the_client_certificate_and_its_own_is_verified(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    context = of_server(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cert)
    async with serving(answering(OK), context) as port:
        url = f"https://127.0.0.1:{port}"
        known = BankSettings(base_url=url, ca_bundle=cert, client_certificate=cert, client_key=key)
        async with http_client(known) as http:
            assert (await pay(lambda: http.post("/orders"))).text == "ok"


def test_no_variable_of_the_environment_has_the_keys_of_a_connection_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "gone" / "keys.log"))
    tls_context.cache_clear()
    context = tls_context(None, None, None)
    assert context.keylog_filename is None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    tls_context.cache_clear()


def test_the_certificates_of_the_bundle_are_trusted_and_no_others(tmp_path: Path) -> None:
    cert, _ = certificate(tmp_path)
    (one,) = tls_context(cert, None, None).get_ca_certs()
    assert one["subject"] == ((("commonName", "bank"),),)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"base_url": ""}, "base_url"),
        ({"base_url": "bank.example"}, "base_url"),
        ({"base_url": "https://bank.example:123456"}, "base_url"),
        ({"proxy": "socks5://127.0.0.1:1080"}, "proxy"),
        ({"proxy": "127.0.0.1:3128"}, "proxy"),
        ({"ca_bundle": "nowhere"}, "ca_bundle"),
        ({"ca_bundle": "key.pem"}, "ca_bundle"),
        ({"client_certificate": "cert.pem"}, "client_key"),
        ({"client_key": "key.pem"}, "client_key"),
        ({"client_certificate": "cert.pem", "client_key": "cert.pem"}, "client_key"),
        ({"client_certificate": "cert.pem", "client_key": "open.pem"}, "client_key"),
    ],
    ids=str,
)
def test_a_connection_that_cannot_work_is_refused_when_the_settings_are_read(
    tmp_path: Path, change: dict[str, str], field: str
) -> None:
    _, key = certificate(tmp_path)
    (tmp_path / "open.pem").write_bytes(key.read_bytes())
    (tmp_path / "open.pem").chmod(0o644)
    paths = {name: value if "_url" in name or name == "proxy" else tmp_path / value for name, value in change.items()}
    with pytest.raises(ValidationError) as refused:
        BankSettings(**{"base_url": "https://bank.example", **paths})  # type: ignore[arg-type]
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


# How much of an answer is read


def gzipped(body: bytes, encoding: bytes = b"gzip") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (encoding, len(body), body)


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
        await writer.drain()


BOMB = gzip.compress(bytes(64 * MAX_ANSWER))


@pytest.mark.parametrize("serve", [endless, answering(gzipped(BOMB))], ids=["endless", "bomb"])
async def test_an_answer_is_read_up_to_its_limit_and_no_further(serve: Serve) -> None:
    async with serving(serve) as port, http_client(settings(port)) as http:
        with pytest.raises(OutcomeUnknown, match="answer too long"):
            await pay(lambda: http.post("/orders"))
        with pytest.raises(NothingLearned, match="answer too long"):
            await read(lambda: http.get("/orders"))
        with pytest.raises(httpx.ReadError):
            async with http.stream("GET", "/orders"):
                pass


async def test_a_call_may_be_given_a_longer_limit() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (MAX_ANSWER + 1, bytes(MAX_ANSWER + 1))
    async with serving(answering(answer)) as port, http_client(settings(port)) as http:
        with counted(max_answer=2 * MAX_ANSWER):
            assert len((await read(lambda: http.get("/statement"))).content) == MAX_ANSWER + 1


async def test_answers_are_asked_for_unpacked_and_unpacked_all_the_same() -> None:
    heads: list[bytes] = []
    for packed in (gzipped(gzip.compress(b"ok")), gzipped(zlib.compress(b"ok"), b"deflate")):
        async with serving(answering(packed, heads=heads)) as port, http_client(settings(port)) as http:
            assert (await pay(lambda http=http: http.post("/orders"))).text == "ok"  # type: ignore[misc]
    assert all(b"accept-encoding: identity\r\n" in head.lower() for head in heads)


@pytest.mark.parametrize(
    "answer",
    [gzipped(gzip.compress(b"ok")[:-9]), gzipped(b"nope"), gzipped(gzip.compress(b"ok") * 2), gzipped(b"ok", b"br")],
    ids=["cut", "none", "twice", "br"],
)
async def test_an_answer_that_does_not_unpack_is_none(answer: bytes) -> None:
    async with serving(answering(answer)) as port, http_client(settings(port)) as http:
        with pytest.raises(OutcomeUnknown, match="answer unreadable"):
            await pay(lambda: http.post("/orders"))
