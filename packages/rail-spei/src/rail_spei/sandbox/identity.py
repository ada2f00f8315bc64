"""The company, account and passphrase of a client of the pretend STP whose operator has set none."""

EMPRESA = "PRETEND"
ACCOUNT = "646180110400000007"
"""The ordering account of STP's own demonstrations."""

PASSPHRASE = "pretend"  # noqa: S105  # as public as the key of the kit, which it encrypts
