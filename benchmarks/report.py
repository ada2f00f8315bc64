"""The machine-readable form of the figures: what was measured, when, at which commit and on what machine."""

import json
import os
import platform
import re
import sqlite3
import subprocess
import tempfile
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
    """One measurement with its conditions.

    :param commit: 40 hexadecimal digits, with ``-dirty`` where there were changes that no commit had.
    :param machine: what :func:`machine_facts` returns.
    """

    date: str
    commit: str
    machine: Mapping[str, Any]
    result: Result

    @property
    def ratios(self) -> dict[str, float]:
        """The ratio of each figure that had a peer, by the figure's name."""
        return {figure.name: figure.ratio for figure in self.result.figures if figure.ratio is not None}

    @property
    def conditions(self) -> str:
        """One line on the date, the commit and the machine. Figures of other conditions cannot be compared."""
        machine = ", ".join(f"{name} {value}" for name, value in self.machine.items() if value not in (None, ""))
        return f"{self.date[:10]}, commit {self.commit[:12]}, {machine}"


def read_reports(file: Path) -> dict[str, Report]:
    """Read what :func:`write_reports` wrote: the last report of each measurement, by its name."""
    reports = {}
    for name, values in json.loads(file.read_text("utf-8")).items():
        figures = tuple(_from_json(figure) for figure in values["figures"])
        result = Result(measurement=name, figures=figures, error=values["error"])
        reports[name] = Report(date=values["date"], commit=values["commit"], machine=values["machine"], result=result)
    return reports


def write_reports(file: Path, reports: Mapping[str, Report]) -> None:
    """Write them as JSON, with the values of each round."""
    values = {
        name: {
            "date": report.date,
            "commit": report.commit,
            "machine": dict(report.machine),
            "error": report.result.error,
            "figures": [_to_json(figure) for figure in report.result.figures],
        }
        for name, report in reports.items()
    }
    text = json.dumps(values, indent=1, ensure_ascii=False)
    rounds = re.sub(r"\[\s+([-\d.e,\s]+?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text)
    file.write_text(rounds + "\n", "utf-8")


def _to_json(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "ratio": _short(figure.ratio),
        **_series_to_json(figure.ours),
        "p50_ms": _short(figure.p50_ms),
        "peer": {"name": figure.peer_name, **(_series_to_json(figure.peer) if figure.peer else {})},
        "goal": figure.goal,
    }


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
    """What a figure depends on besides the code: processors, file system, versions, and how busy the machine is."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "storage": _storage(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "niceness": os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else None,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": _postgres_version(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _storage() -> str:
    """The type of the file system that holds the databases."""
    folder = Path(os.environ.get("BENCHMARK_FOLDER") or tempfile.gettempdir()).resolve()
    mounts = Path("/proc/mounts")
    lines = mounts.read_text("utf-8").splitlines() if mounts.exists() else []
    types = {Path(line.split()[1]): line.split()[2] for line in lines}
    return next((types[parent] for parent in (folder, *folder.parents) if parent in types), "")


def _postgres_version() -> str:
    try:
        program = binaries() / "pg_config"
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except (NoPostgres, OSError):
        return ""
    return version.stdout.strip().removeprefix("PostgreSQL ")
