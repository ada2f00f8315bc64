"""``riel <rail> <table>``: what a rail shows on the command line, for people and for programs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .bad_rails import HOOK, Site

Riel = Callable[..., "subprocess.CompletedProcess[str]"]

TABLES = """
import sys
from riel import Misconfigured, CliTable
def banks(known):
    rows = (("001", "Banco [bold]Uno[/bold] :bank:"), ("002", "Dos " + known.get("api_key", "none set")))
    return CliTable(title="Banks", columns=("code", "name"), rows=rows)
def strange(known):
    rows = (("a\\x1b[2Jb\\x9b", "\\u202ec\\ud800"), ("[/x]", "d\\ne"))
    return CliTable(title="T\\x1b[31m", columns=("co\\x07de", "name"), rows=rows)
def raising(known):
    raise ValueError("sk_live_123")
def leaving(known):
    sys.exit("sk_live_123")
def unset(known):
    raise Misconfigured("RIEL_ZAP_BANKS names a file that is not there.")
def nothing(known):
    return None
def short(known):
    return CliTable(title="", columns=("a", "b"), rows=(("1",),))
def numbers(known):
    return CliTable(title="", columns=("a",), rows=((1,),))
def texts(known):
    return CliTable(title="", columns=("a",), rows=("1",))
def lists(known):
    return CliTable(title="", columns=["a"], rows=[["1"]])
def twice(known):
    return CliTable(title="", columns=("a", "a"), rows=())
def untitled(known):
    return CliTable(title=None, columns=("a",), rows=())
def empty(known):
    return CliTable(title="None yet", columns=("a",), rows=())
EVERY = [banks, strange, raising, leaving, unset, nothing, short, numbers, texts, lists, twice, untitled, empty]
"""
ZAP = f"{TABLES}{HOOK}yield toy('zap', title='Zap', tables={{table.__name__: table for table in EVERY}})"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.install("zap", ZAP)
    site.install("plain")
    site.install("bad", "import pathlib; pathlib.Path('bad.txt').touch(); raise ValueError('x')")
    return site


@pytest.fixture
def riel(site: Site) -> Riel:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RIEL_")}
    path = os.pathsep.join([str(site.folder), *filter(None, [mine.get("PYTHONPATH")])])

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "riel", *arguments],
            capture_output=True,
            encoding="utf-8",
            env={**mine, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **variables},
            cwd=site.folder,
            timeout=300,
            check=False,
        )

    return run


def refusal(ran: "subprocess.CompletedProcess[str]") -> str:
    assert (ran.returncode, ran.stdout) == (2, ""), ran.stdout + ran.stderr
    assert ran.stderr.startswith("riel: ")
    assert "Traceback" not in ran.stderr
    assert "sk_live_123" not in ran.stderr
    return ran.stderr.removeprefix("riel: ").strip()


def test_a_table_for_people(riel: Riel) -> None:
    shown = riel("zap", "banks")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines()[0] == "Banks"
    assert "Banco [bold]Uno[/bold] :bank:" in shown.stdout
    assert "Dos none set" in shown.stdout


def test_a_table_for_programs(riel: Riel) -> None:
    shown = riel("zap", "banks", "--json")
    assert json.loads(shown.stdout) == [
        {"code": "001", "name": "Banco [bold]Uno[/bold] :bank:"},
        {"code": "002", "name": "Dos none set"},
    ]


def test_a_table_knows_the_settings_that_are_there(riel: Riel, site: Site) -> None:
    assert "Dos from env" in riel("zap", "banks", RIEL_ZAP_API_KEY="from env").stdout
    (site.folder / "riel.toml").write_text('[rail.zap]\napi_key = "from file"\n')
    assert "Dos from file" in riel("zap", "banks", RIEL_CONFIG="riel.toml").stdout


def test_a_table_without_rows_is_one(riel: Riel) -> None:
    assert riel("zap", "empty").stdout.startswith("None yet\n")
    assert json.loads(riel("zap", "empty", "--json").stdout) == []


def test_what_a_rail_writes_does_nothing_to_a_terminal(riel: Riel) -> None:
    for asked in (("zap", "strange"), ("zap", "strange", "--json")):
        shown = riel(*asked)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert not {"\x1b", "\x9b", "\x07", "\u202e", "\ud800"} & set(shown.stdout)
        assert "[/x]" in shown.stdout


def test_the_help_of_a_rail_names_its_tables(riel: Riel) -> None:
    shown = riel("zap", "--help")
    assert shown.returncode == 0
    assert "banks" in shown.stdout
    assert "What Zap shows." in shown.stdout


@pytest.mark.parametrize("table", ["raising", "leaving"])
def test_a_table_that_fails_is_one_sentence_without_what_was_raised(riel: Riel, table: str) -> None:
    name = {"raising": "ValueError", "leaving": "SystemExit"}[table]
    assert refusal(riel("zap", table)) == f"the rail 'zap' failed to make '{table}' ({name})."


def test_a_setting_that_a_table_needs_is_named(riel: Riel) -> None:
    assert refusal(riel("zap", "unset")) == "RIEL_ZAP_BANKS names a file that is not there."


@pytest.mark.parametrize("table", ["nothing", "short", "numbers", "texts", "lists", "twice", "untitled"])
def test_rows_that_fit_no_columns_are_refused(riel: Riel, table: str) -> None:
    for asked in ((table,), (table, "--json")):
        sentence = refusal(riel("zap", *asked))
        assert sentence == f"the rail 'zap' makes a table '{table}' whose rows do not fit its columns."


def test_a_rail_without_tables_says_so(riel: Riel) -> None:
    assert refusal(riel("plain", "banks")) == "'plain' shows no tables. What it is: riel rails"


def test_a_table_that_there_is_not(riel: Riel) -> None:
    ran = riel("zap", "bank")
    assert ran.returncode == 2
    assert "bank" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_rail_that_is_not_installed_is_no_command(riel: Riel, site: Site) -> None:
    ran = riel("nobodys", "banks")
    assert ran.returncode == 2
    assert "No such command" in ran.stderr
    assert not (site.folder / "bad.txt").exists()


def test_a_broken_rail_is_one_sentence_and_the_others_are_not_imported(riel: Riel, site: Site) -> None:
    assert "Dos" in riel("zap", "banks").stdout
    assert not (site.folder / "bad.txt").exists()
    assert refusal(riel("bad", "banks")).startswith("'bad' of rail-bad 1.0 failed with ValueError")


def test_what_is_not_on_the_allow_list_is_not_imported(riel: Riel, site: Site) -> None:
    assert refusal(riel("bad", "banks", RIEL_RAILS="zap")) == "'bad' is not on RIEL_RAILS, so it is not imported."
    assert not (site.folder / "bad.txt").exists()
    assert riel("zap", "banks", RIEL_RAILS="zap").returncode == 0


def test_a_wrong_setting_is_one_sentence(riel: Riel) -> None:
    assert refusal(riel("zap", "banks", RIEL_ANSWER_WITHIN="-1")).startswith("RIEL_ANSWER_WITHIN is wrong")
