"""For tests of rails and stores: a harness for a rail, and the contract of a journal as tests. It needs pytest."""

try:
    import pytest
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError('riel.testing needs pytest: pip install "riel[testing]"', name="pytest") from missing

pytest.register_assert_rewrite("riel.testing.harness", "riel.testing.journal_contract")
