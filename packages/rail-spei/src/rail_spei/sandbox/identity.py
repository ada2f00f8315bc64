"""What a client of the pretend STP gets where the operator has set nothing: a company, an account, a passphrase."""

EMPRESA = "PRETEND"
ACCOUNT = "646180110400000007"
"""The ordering account of STP's own demonstrations."""

PASSPHRASE = "pretend"  # noqa: S105  # as public as the key of the kit, which it encrypts
