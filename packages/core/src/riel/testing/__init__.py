"""The promises as tests: what a store (and, later, a rail) must pass, for whoever writes one. It needs pytest."""

import pytest

pytest.register_assert_rewrite("riel.testing.journal_contract")
