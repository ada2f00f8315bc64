"""``riel rails``, ``riel sandbox`` and the way to every command, as a person or a script runs them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from riel import __version__
from riel.cli import COMMANDS, main

from .bad_rails import HOOK, Site

Riel = Callable[..., "subprocess.CompletedProcess[str]"]

CONFLICT = "'spei' is offered by other-spei 0.1 and rail-spei 1.2, so by nobody"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def environment(site: Site) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RIEL_")}
    return mine | {"PYTHONPATH": str(site.folder), "RIEL_RAILS": "zap,bad,spei,loud"}


@pytest.fixture
def riel(site: Site, environment: dict[str, str]) -> Riel:
    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        chosen = {name: value for name, value in (environment | variables).items() if value}
        command = [sys.executable, "-m", "riel", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, env=chosen, cwd=site.folder, timeout=300, check=False
        )

    return run


def test_the_version(riel: Riel) -> None:
    assert riel("--version").stdout == f"riel {__version__}\n"


def test_help_names_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    before = set(sys.modules)
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
    assert not {module for module, _ in COMMANDS.values()} & (set(sys.modules) - before)


def test_no_command_is_a_cry_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Usage: riel" in capsys.readouterr().out


def test_an_unknown_command_is_refused_with_a_proposal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rail"]) == 2
    assert "rails" in capsys.readouterr().err


def test_serve_reads_its_arguments_without_typer(riel: Riel) -> None:
    shown = riel("serve", "--help")
    assert shown.returncode == 0
    assert "--sandbox" in shown.stdout
    assert riel("serve", "--sand").returncode == 2


def test_rails_as_json_has_what_is_installed_and_what_is_wrong(site: Site, riel: Riel) -> None:
    tool = "Tool(name='list_banks', title='', description='', scope='', input=WireModel, output=WireModel, run=print)"
    code = f"from riel import Tool, WireModel\n{HOOK}yield toy('zap', currency=('MXN',), tools=({tool},))"
    site.install("zap", code, version="1.4")
    site.install("bad", "raise ValueError('x')")
    site.install("spei", distribution="rail-spei", version="1.2")
    site.install("spei", distribution="other-spei", version="0.1")
    ran = riel("rails", "--json", RIEL_RAILS="zap", RIEL_ZAP_BASE_URL="https://bank.example", RIEL_ZAP_API_KEY="test_1")
    assert ran.returncode == 0
    listing = json.loads(ran.stdout)
    left_out = [part for part in listing.pop("parts") if part["name"] in {"bad", "spei"}]
    assert {"rail-bad", "other-spei"} <= {part["distribution"] for part in left_out if not part["inForce"]}
    assert listing == {
        "settings": None,
        "rails": [
            {
                "name": "zap",
                "title": "A toy called zap",
                "currencies": ["MXN"],
                "mode": "test",
                "offered": True,
                "distribution": "rail-zap",
                "version": "1.4",
                "entryPoint": "zap",
                "tools": ["zap_send_payment", "zap_check_status", "zap_request_refund", "zap_list_banks"],
                "capabilities": {
                    "status": {"able": True, "reason": "", "forGood": False},
                    "refund": {"able": True, "reason": "", "forGood": False},
                    "partialRefund": {
                        "able": False,
                        "reason": "The toy bank takes whole payments back only.",
                        "forGood": False,
                    },
                    "statement": {
                        "able": False,
                        "reason": "This package does not read the rail's own list of a day yet.",
                        "forGood": False,
                    },
                },
            }
        ],
        "problems": [],
    }


POLICY = (
    "from riel import hookimpl\n"
    "class Pigeon:\n"
    "    name, sandbox_only, dynamic_linking = 'pigeon', False, True\n"
    "    open = ask = check = is_replay = print\n"
    "class CompanyPolicy:\n"
    "    name = 'policy'\n"
    "    def check(self, terms, now): ...\n"
    "@hookimpl\ndef riel_factors():\n    yield Pigeon\n"
    "@hookimpl\ndef riel_guards():\n    yield CompanyPolicy()\n"
)


def test_rails_lists_factors_and_guards_with_their_package_and_whether_they_are_in_force(
    site: Site, riel: Riel
) -> None:
    site.install("policy", POLICY)
    site.install("zap")

    def parts(**variables: str) -> list[tuple[str, str, str, bool]]:
        listed = json.loads(riel("rails", "--json", **variables).stdout)["parts"]
        ours = [part for part in listed if part["distribution"] in {"rail-policy", "rail-zap"}]
        return [(part["kind"], part["name"], part["distribution"], part["inForce"]) for part in ours]

    assert parts(RIEL_RAILS="policy") == [
        ("factor", "pigeon", "rail-policy", False),
        ("guard", "policy", "rail-policy", True),
        ("unknown", "zap", "rail-zap", False),
    ]
    assert parts(RIEL_RAILS="policy", RIEL_FACTOR="pigeon")[0] == ("factor", "pigeon", "rail-policy", True)
    assert ("unknown", "policy", "rail-policy", False) in parts(RIEL_RAILS="zap")
    shown = riel("rails", RIEL_RAILS="zap").stdout
    assert "package policy of rail-policy 1.0: not in force (RIEL_RAILS does not name it)" in shown
    assert "guard policy of rail-policy 1.0: in force" in riel("rails", RIEL_RAILS="policy").stdout


def test_real_money_needs_the_list_of_what_may_be_loaded(site: Site, riel: Riel) -> None:
    site.install("zap")
    live = {"RIEL_LIVE": "yes", "RIEL_ZAP_BASE_URL": "https://bank.example", "RIEL_ZAP_API_KEY": "live_1"}
    for command in (("rails",), ("rails", "--json"), ("serve",)):
        ran = riel(*command, RIEL_RAILS="", **live)
        assert ran.returncode == 2
        assert "RIEL_LIVE=yes needs RIEL_RAILS: name the rails that may move real money" in ran.stdout + ran.stderr
    missing = riel("serve", RIEL_RAILS="zap,policy", **live)
    assert (missing.returncode, "'policy' is not installed" in missing.stderr) == (2, True)


def test_rails_without_an_allow_list_shows_every_problem_and_does_not_fail(site: Site, riel: Riel) -> None:
    site.install("bad", "raise ValueError('x')")
    site.install("spei", distribution="rail-spei", version="1.2")
    site.install("spei", distribution="other-spei", version="0.1")
    ran = riel("rails", "--json", RIEL_RAILS="")
    assert ran.returncode == 0
    problems = {problem["entryPoint"]: problem for problem in json.loads(ran.stdout)["problems"]}
    assert problems["spei"]["sentence"] == CONFLICT
    assert problems["spei"]["remedy"] == "Uninstall one: pip uninstall other-spei, or pip uninstall rail-spei."
    assert problems["bad"]["distribution"] == "rail-bad"


def test_a_rail_without_settings_is_shown_and_its_problem_too(site: Site, riel: Riel) -> None:
    site.install("zap")
    ran = riel("rails", "--json", RIEL_RAILS="zap")
    assert ran.returncode == 2
    listing = json.loads(ran.stdout)
    assert [(rail["name"], rail["mode"], rail["offered"]) for rail in listing["rails"]] == [("zap", None, False)]
    assert listing["problems"][0]["sentence"] == "RIEL_ZAP_BASE_URL is missing; RIEL_ZAP_API_KEY is missing"


def test_the_table_shows_rails_then_problems_with_their_remedy(site: Site, riel: Riel) -> None:
    site.install("zap", f"{HOOK}yield toy('zap', title='[red]Zap')", version="1.4")
    site.install("spei", distribution="rail-spei", version="1.2")
    site.install("spei", distribution="other-spei", version="0.1")
    ran = riel("rails", RIEL_RAILS="zap,spei", RIEL_ZAP_BASE_URL="http://127.0.0.1:9")
    assert ran.returncode == 2
    for word in ("zap", "[red]Zap", "MXN", "sandbox", "rail-zap", "1.4", "zap_send_payment", "zap_request_refund"):
        assert word in ran.stdout
    assert f"problem: {CONFLICT}. Uninstall one: " in ran.stdout
    assert ran.stdout.index("zap_request_refund") < ran.stdout.index("problem:")


def test_whatever_a_rail_prints_the_json_stays_json(site: Site, riel: Riel) -> None:
    loud = "import os\nprint('hello')\nos.write(1, b'there')\nos.system('echo you')\n"
    site.install("loud", loud + HOOK + "yield toy('loud')")
    ran = riel("rails", "--json", RIEL_RAILS="loud")
    assert json.loads(ran.stdout)["rails"][0]["name"] == "loud"
    assert "hello" in ran.stderr


def test_a_wrong_setting_is_one_sentence_and_exit_code_2(riel: Riel) -> None:
    ran = riel("rails", RIEL_JORNAL="x")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "riel: RIEL_JORNAL is not a setting; did you mean RIEL_JOURNAL?\n"


def test_debugging_shows_where_a_rail_fails_and_no_secret(site: Site, riel: Riel) -> None:
    site.install("bad", "import os\nraise ValueError('refused ' + os.environ['RIEL_BAD_API_KEY'])")
    told = {"RIEL_RAILS": "bad", "RIEL_BAD_API_KEY": "hunter2hunter2"}
    assert "refused" not in riel("rails", **told).stderr
    debugged = riel("rails", **told, RIEL_LOG="debug").stderr
    assert "ValueError: refused [hidden]" in debugged
    assert "hunter2" not in debugged


def test_rails_never_imports_mcp(site: Site, environment: dict[str, str]) -> None:
    site.install("zap")
    code = "import sys; from riel.cli import main; main(['rails']); sys.exit('mcp' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False).returncode == 0
    )


@pytest.fixture
def pretend(site: Site, environment: dict[str, str]) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "riel", "sandbox", *arguments]
        started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=site.folder)
        running.append(started)
        return started

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_bank_alone_says_where_it_is_and_ends_when_it_is_told(
    site: Site, pretend: Callable[..., "subprocess.Popen[str]"], signum: signal.Signals
) -> None:
    code = f"from toy import sandbox\n{HOOK}yield toy('zap', sandbox=lambda told: print(dict(told)) or sandbox(told))"
    site.install("zap", code)
    process = pretend("zap", "--port", "0", "--api-key", "k_123456", "--retries=2")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    more = [process.stdout.readline() for _ in range(3)]
    assert f"{url}/_sandbox/debits" in more[0]
    assert f"RIEL_ZAP_BASE_URL={url} RIEL_ZAP_API_KEY=k_123456 RIEL_ZAP_RETRIES=2" in more[2]
    assert httpx.post(f"{url}/pay", trust_env=False).status_code == 201
    assert len(httpx.get(f"{url}/_sandbox/debits", trust_env=False).json()) == 1
    process.send_signal(signum)
    assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pix"], "riel: 'pix' is not installed. "),
        (["zap", "--retries"], "riel: --retries needs a value"),
        (["zap", "retries", "2"], "riel: 'retries' cannot be understood here"),
        (["zap", "--a", "1", "--a", "2"], "riel: '--a' cannot be understood here"),
        (["bad"], "riel: 'bad' of rail-bad 1.0 failed with ValueError"),
        (["straw"], "riel: 'straw' cannot make its pretend bank: of straw"),
        (["none"], "riel: 'none' has no pretend bank"),
    ],
)
def test_a_bank_that_cannot_be_run_is_one_sentence(site: Site, riel: Riel, arguments: list[str], sentence: str) -> None:
    site.install("zap")
    site.install("none", f"{HOOK}yield toy('none', sandbox=None)")
    site.install("bad", "raise ValueError('x')")
    site.install("straw", f"def fail(told):\n    raise ValueError('of straw')\n{HOOK}yield toy('straw', sandbox=fail)")
    ran = riel("sandbox", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(sentence)
    assert ran.stderr.count("\n") == 1
