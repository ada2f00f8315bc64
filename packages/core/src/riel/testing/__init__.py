"""For tests of rails and stores: a harness for a rail, and the contract of a journal as tests. It needs pytest."""

import pytest

pytest.register_assert_rewrite("riel.testing.harness", "riel.testing.journal_contract")
