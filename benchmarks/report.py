"""The machine-readable form of a run: what was measured, when, at which commit and on what machine."""

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.postgres import NoPostgres, binaries

from benchmarks.figures import Figure, Result, Series

BASELINE = Path(__file__).with_name("baseline.json")
"""The figures that a run is compared with. ``nox -s bench -- --json benchmarks/baseline.json`` makes them anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run."""

    date: str
    commit: str
    machine: Mapping[str, Any]
    results: tuple[Result, ...]

    @property
    def ratios(self) -> dict[str, float]:
        """The ratio of each figure that had a peer, by the figure's name."""
        figures = (figure for result in self.results for figure in result.figures)
        return {figure.name: figure.ratio for figure in figures if figure.ratio is not None}

    @classmethod
    def read(cls, file: Path) -> "Report":
        """Read what :meth:`write` wrote."""
        values = json.loads(file.read_text("utf-8"))
        results = tuple(
            Result(
                measurement=measurement["measurement"],
                figures=tuple(_from_json(figure) for figure in measurement["figures"]),
                error=measurement["error"],
            )
            for measurement in values["measurements"]
        )
        return cls(date=values["date"], commit=values["commit"], machine=values["machine"], results=results)

    def write(self, file: Path) -> None:
        """Write it as JSON, with the values of each round."""
        measurements = [
            {
                "measurement": result.measurement,
                "error": result.error,
                "figures": [_to_json(figure) for figure in result.figures],
            }
            for result in self.results
        ]
        values = {"date": self.date, "commit": self.commit, "machine": self.machine, "measurements": measurements}
        file.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _to_json(figure: Figure) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": figure.name,
        "ratio": _short(figure.ratio),
        **_series_to_json(figure.ours),
        "p50_ms": _short(figure.p50_ms),
        "peer": {"name": figure.peer_name, **(_series_to_json(figure.peer) if figure.peer else {})},
        "goal": figure.goal,
    }
    return values


def _series_to_json(series: Series) -> dict[str, Any]:
    rounds = [_short(value) for value in series.values]
    return {"value": _short(series.median), "unit": series.unit, "rounds": len(rounds), "values": rounds}


def _from_json(values: Mapping[str, Any]) -> Figure:
    peer = values["peer"]
    return Figure(
        name=values["name"],
        ours=Series(tuple(values["values"]), values["unit"]),
        peer=Series(tuple(peer["values"]), peer["unit"]) if "values" in peer else None,
        peer_name=peer["name"],
        p50_ms=values["p50_ms"],
        goal=values["goal"],
    )


def _short(value: float | None) -> float | None:
    """Five significant digits, which is more than any run repeats."""
    return None if value is None else float(f"{value:.5g}")


def utc_date() -> str:
    """The time now, in UTC and whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def revision() -> str:
    """The commit that is measured; ``-dirty`` marks changes that are not committed, and outside git it is empty."""
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],
        cwd=BASELINE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip()


def machine_facts() -> dict[str, Any]:
    """What a figure depends on besides the code: processors, versions, and how busy the machine is already."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": _postgres_version(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _postgres_version() -> str:
    try:
        program = binaries() / "pg_config"
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except (NoPostgres, OSError):
        return ""
    return version.stdout.strip().removeprefix("PostgreSQL ")
