"""The TLS context of a rail's connections, which reads nothing of the environment."""

import ssl
from functools import cache
from pathlib import Path


@cache
def tls_context(ca_bundle: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Make a context that verifies certificates and names.

    It is not ``ssl.create_default_context``, which writes the keys of each connection where ``SSLKEYLOGFILE`` says.

    :param ca_bundle: the authorities to trust instead of certifi's.
    :param certificate: the client's certificate, with its chain; ``key`` is its private key.
    :raises OSError: a file cannot be read, or is not what it should be.
    """
    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_bundle or certifi.where())
    if certificate is not None:
        context.load_cert_chain(certificate, key, password=lambda: "")  # without it OpenSSL asks at the terminal
    return context
