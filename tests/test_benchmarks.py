"""The benchmarks run: each measurement can be loaded, one that fails hides no other, and the baseline is complete."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import __main__ as command
from benchmarks import measurements, pgbench
from benchmarks.figures import Figure, Series
from benchmarks.fill_journal import fill_postgres, fill_sqlite
from benchmarks.measurements import MEASUREMENTS, load_measurement
from benchmarks.replicas import LOG
from benchmarks.report import BASELINE, read_reports
from benchmarks.stdio import ONE_RAIL, RIEL_SERVER, SDK_SERVER, server_environment, server_memory
from benchmarks.workload import confirm_payments, make_payments, record_payments
from tests.support.postgres import NoPostgres, running

from riel.journal.open import open_journal
from riel.testing.keys import ROW_MAC

HERE = "tests.test_benchmarks"


def steady(rounds: int) -> Iterator[Figure]:
    """A measurement whose ratio is 2."""
    yield Figure(
        name="steady", ours=Series((4.0,) * rounds, "ms"), peer=Series((2.0,) * rounds, "ms"), peer_name="peer"
    )


def failing(rounds: int) -> Iterator[Figure]:
    """A measurement that fails after its first figure."""
    yield Figure(name="before the failure", ours=Series((1.0,) * rounds, "s"), peer=None, peer_name="peer")
    raise RuntimeError("the [tool] is missing")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[object]:
    def main(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
        return command.main(), capsys.readouterr().out

    known = {"failing": f"{HERE}:failing", "absent": "benchmarks.absent:measure", "steady": f"{HERE}:steady"}
    monkeypatch.setattr(measurements, "MEASUREMENTS", known)
    monkeypatch.setattr(command, "MEASUREMENTS", known)
    return main


def test_a_measurement_that_fails_hides_no_other(run, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    status, printed = run("--rounds", "1", "--json", str(file))
    assert status == 1
    assert "failing failed: RuntimeError: the [tool] is missing" in printed
    assert "absent failed: ModuleNotFoundError" in printed
    results = {name: report.result for name, report in read_reports(file).items()}
    assert [figure.name for figure in results["steady"].figures] == ["steady"]
    assert [figure.name for figure in results["failing"].figures] == ["before the failure"]
    assert not results["steady"].error


def test_the_table_shows_the_ratio_of_the_baseline(run, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert run("steady", "--rounds", "1", "--json", str(file))[0] == 0
    file.write_text(file.read_text().replace("4.0", "3.2"))
    status, printed = run("steady", "--rounds", "2", "--baseline", str(file))
    (row,) = (line for line in printed.splitlines() if "│ steady" in line)
    assert (status, row.replace("│", "").split()[-3:]) == (0, ["2", "1.6", "+25%"])


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_the_baseline_has_figures_of_each_measurement(name: str) -> None:
    report = read_reports(BASELINE)[name]
    assert report.ratios
    assert not report.result.error
    assert re.fullmatch("[0-9a-f]{40}", report.commit)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_each_measurement_can_be_loaded(name: str) -> None:
    assert callable(load_measurement(MEASUREMENTS[name]))


def test_a_server_lists_the_tools_of_the_rails_that_are_measured(tmp_path: Path) -> None:
    environment = server_environment(str(tmp_path), ONE_RAIL)
    assert server_memory(RIEL_SERVER, environment, ONE_RAIL) > 10
    assert server_memory(SDK_SERVER, environment, ()) > 10
    with pytest.raises(RuntimeError, match="lacks spei_check_status"):
        server_memory(RIEL_SERVER, environment, (*ONE_RAIL, "spei"))


def test_payments_are_made_recorded_and_copied_in_sqlite(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"

    async def work() -> None:
        for payments in (make_payments, record_payments, confirm_payments):
            journal = await open_journal(f"sqlite:///{tmp_path / payments.__name__}", ROW_MAC)
            assert len((await payments(journal, 2, 5, "session")).payments) == 5
        await confirm_payments(await open_journal(f"sqlite:///{file}", ROW_MAC), 1, 1, "session")
        fill_sqlite(file, 10)
        await confirm_payments(await open_journal(f"sqlite:///{file}", ROW_MAC), 1, 2, "measured")

    asyncio.run(work())


def test_pgbench_replays_the_statements_of_a_payment() -> None:
    async def one_payment(url: str, principal: str) -> None:
        await confirm_payments(await open_journal(url, ROW_MAC), 1, 1, principal)

    try:
        with running(**LOG) as server:
            script = pgbench.script(pgbench.recorded(server))
            url = server.fresh()
            asyncio.run(one_payment(url, "session"))
            fill_postgres(server, url, 10)
            asyncio.run(one_payment(url, "measured"))
            assert pgbench.rate(server, url, script, clients=2, payments=10) > 0
            assert server.run(url, "SELECT count(*) AS n FROM payments")[0]["n"] == 22
    except NoPostgres as none:
        pytest.skip(str(none))
