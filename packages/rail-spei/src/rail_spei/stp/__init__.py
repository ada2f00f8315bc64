"""STP as it is seen from outside: what is signed and sent to it, and what it answers.

Each request is one value that makes both the text that is signed and the body that is sent (``cadena``); the key that
signs never leaves ``signing``. STP publishes its documents behind a login, so each fact here says how it is known.
"""
