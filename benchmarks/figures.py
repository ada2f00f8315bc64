"""Figures, their peers and the table they are printed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement beside its peer's in the same run. ``aim`` is said, not enforced."""

    what: str
    ours: str
    peer: str
    ratio: float | None
    aim: str


def middle(values: Sequence[float]) -> float:
    """The median."""
    return median(values)


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table(title="riel beside its peers, in one run on one machine")
    for column in ("what", "ours", "peer", "ratio", "aim"):
        table.add_column(column, justify="left" if column in {"what", "aim"} else "right")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        table.add_row(figure.what, figure.ours, figure.peer, ratio, figure.aim)
    Console(width=150).print(table)
