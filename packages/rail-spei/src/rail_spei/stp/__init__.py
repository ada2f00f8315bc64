"""STP's API: the signed requests, and the answers.

Each request is one value that makes both the text that is signed and the body that is sent (``cadena``); the
private key never leaves ``signature``. STP publishes its documents behind a login, so each fact here names its source.
"""
