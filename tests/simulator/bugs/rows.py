"""Bugs in what a row of the journal proves, where somebody without the key edits rows."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from riel.journal import row_mac
from riel.journal.row_mac import ProvenRow, RowMac, RowProof

from .registry import bug, while_attacked

PROOF = ProvenRow.proof


def _believed(*tables: str) -> AbstractContextManager[Any]:
    def proof(self: ProvenRow, mac: RowMac, *event: Any) -> RowProof:
        return RowProof.PROVEN if self.table in tables else PROOF(self, mac, *event)

    return patch.object(ProvenRow, "proof", proof)


@while_attacked
@bug
def rows_of_payments_believed() -> Iterator[None]:
    with _believed("payments"):
        yield


@while_attacked
@bug
def rows_of_challenges_believed() -> Iterator[None]:
    with _believed("challenges"):
        yield


@while_attacked
@bug
def a_row_that_proves_its_id_alone() -> Iterator[None]:
    """The MAC covers the first column, and says nothing of money, payee and bytes."""
    real = row_mac._mac

    def of_the_id(key: Any, label: str, values: Any) -> str:
        rows = label.removeprefix("distrusted ") in {"payments", "challenges"}
        return real(key, label, values[:3] if rows else values)

    with patch.object(row_mac, "_mac", of_the_id):
        yield
