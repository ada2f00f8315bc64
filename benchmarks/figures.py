"""Figures, their peers and the table they are printed in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity, measured once in each round."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    def __str__(self) -> str:
        digits = 0 if self.median >= 100 else 2
        return f"{self.median:,.{digits}f} {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement beside its peer's in the same run. ``goal`` is printed, not enforced.

    :param name: what the baseline knows the figure by, so it stays the same from run to run.
    :param p50_ms: the median duration of one operation in milliseconds, where ``ours`` is a rate.
    """

    name: str
    ours: Series
    peer: Series | None
    peer_name: str
    p50_ms: float | None = None
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's, the median of the rounds, or ``None`` where there was no peer."""
        if self.peer is None:
            return None
        return median(ours / peer for ours, peer in zip(self.ours.values, self.peer.values, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of one measurement, and why it stopped before its last one."""

    measurement: str
    figures: tuple[Figure, ...]
    error: str = ""


def print_table(results: Iterable[Result], baseline: Mapping[str, float], notes: Iterable[str]) -> None:
    """Print the figures, each with its ratio in the baseline, and the measurements that failed.

    :param notes: the conditions of the baseline, printed below the table.
    """
    table = Table(title="riel beside its peers, in one run on one machine")
    table.add_column("figure")
    for column in ("riel", "peer", "ratio", "baseline", "change"):
        table.add_column(column, justify="right")
    table.add_column("goal")
    failed = []
    for result in results:
        for figure in result.figures:
            table.add_row(*_cells(figure, baseline.get(figure.name)))
        if result.error:
            table.add_row(f"{result.measurement}: FAILED", style="bold red")
            failed.append(result)
    console = Console(width=170)
    console.print(table)
    for note in notes:
        console.print(note, markup=False, highlight=False)
    for result in failed:
        console.print(f"{result.measurement} failed: {result.error}", style="bold red", markup=False, highlight=False)


def _cells(figure: Figure, before: float | None) -> list[str]:
    ours = str(figure.ours) if figure.p50_ms is None else f"{figure.ours}, p50 {figure.p50_ms:.1f} ms"
    peer = f"{figure.peer}, {figure.peer_name}" if figure.peer else f"no {figure.peer_name}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.3g}"
    change = "" if figure.ratio is None or not before else f"{figure.ratio / before - 1:+z.0%}"
    return [figure.name, ours, peer, ratio, "" if before is None else f"{before:.3g}", change, figure.goal]
