"""Installed packages become rails; a broken one is a listed problem that stops no other."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from riel import Capabilities, ErrorCode, Lookup, Payee, Payment, RailSettings, Receipt, Refund, Tool, WireModel, yes
from riel.catalog import Catalog, Discovery, activate, discover, validate
from riel.catalog.discovery import RESERVED
from riel.catalog.versions import unmet_bounds
from riel.config import VARIABLES
from riel.confirm import choose_factor
from riel.errors import BrokenRail, Misconfigured

from .bad_rails import HOOK, Site
from .bad_rails.toy import GUARANTEES, ToyLookup, ToyPayment, ToySettings, toy

KNOWN = {"base_url": "https://bank.example", "api_key": "test_1"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "site").on_the_path() as site:
        yield site


def sentences(found: Discovery | Catalog) -> list[str]:
    return [problem.sentence for problem in found.problems]


def test_an_installed_rail_is_declared_with_where_it_comes_from(site: Site) -> None:
    site.install("zap", version="1.4", requires=["riel>=0.1,<1", "httpx"])
    found = discover(site.entry_points())
    (zap,) = found.rails
    assert (zap.declaration.name, zap.distribution, zap.version, zap.entry_point) == ("zap", "rail-zap", "1.4", "zap")
    assert found.problems == ()


BROKEN = {
    "raises at import": ("raise ValueError('sk_live_123')", "failed with ValueError in fake_rail_bad_bad.py, line 1"),
    "exits at import": ("import sys; sys.exit('bye')", "called sys.exit"),
    "exits in its hook": (f"{HOOK}raise SystemExit", "called sys.exit"),
    "interrupts everything": ("class Stop(BaseException): pass\nraise Stop", "failed with Stop"),
    "needs a module": ("import a_module_that_is_not_there", "No module named 'a_module_that_is_not_there'"),
    "is not Python": ("def", "failed with SyntaxError"),
    "has a typo in a hook": (
        "from riel import hookimpl\n@hookimpl\ndef riel_rail():\n    yield 1",
        "has a hook 'riel_rail', which does not exist; did you mean riel_rails?",
    ),
    "asks for what hooks do not get": (
        "from riel import hookimpl\n@hookimpl\ndef riel_rails(server):\n    yield 1",
        "failed with PluginValidationError",
    ),
    "forgot the mark": ("def riel_rails():\n    yield 1", "offers nothing"),
    "yields nothing": (f"{HOOK}return []", "offers nothing"),
    "yields something else": (f"{HOOK}yield 3", "yields int where a riel.Rail belongs"),
    "returns one rail": (f"{HOOK}return toy('bad')", "returns Rail from riel_rails: it must yield"),
    "takes another name": (f"{HOOK}yield toy('good')", "brings a rail of another name, 'good'"),
    "yields it twice": (f"{HOOK}yield from (toy('bad'), toy('bad'))", "brings its rail more than once"),
    "never ends": (f"{HOOK}yield from iter(lambda: toy('bad'), None)", "brings its rail more than once"),
    "brings half a factor": (
        "from riel import hookimpl\n@hookimpl\ndef riel_factors():\n    yield type('F', (), {'name': 'f'})",
        "brings a factor without 'sandbox_only'",
    ),
    "brings half a guard": (
        "from riel import hookimpl\n@hookimpl\ndef riel_guards():\n    yield object()",
        "brings a guard without 'name'",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rail_is_a_problem_of_its_own_and_stops_no_other(site: Site, what: str) -> None:
    code, sentence = BROKEN[what]
    site.install("bad", code, version="0.3")
    site.install("good")
    found = discover(site.entry_points())
    assert [declared.declaration.name for declared in found.rails] == ["good"]
    (problem,) = found.problems
    assert (problem.entry_point, problem.distribution, problem.version) == ("bad", "rail-bad", "0.3")
    assert problem.sentence.startswith("'bad' of rail-bad 0.3 ")
    assert sentence in problem.sentence
    assert "rail-bad" in problem.remedy


def test_what_an_exception_says_may_be_a_secret_and_is_not_repeated(site: Site) -> None:
    site.install("bad", "raise ValueError('sk_live_123')")
    assert "sk_live_123" not in repr(discover(site.entry_points()))


TIME_IS_OVER = "__import__('signal').setitimer(0, 0.01, 1.0)"
"""Code of a package that lets the timer of its limit ring at once: no package is late because the machine is busy."""


@pytest.mark.parametrize(
    "code",
    [
        f"import time; {TIME_IS_OVER}; time.sleep(60)",
        f"{TIME_IS_OVER}\nwhile True: pass",
        f"import re; {TIME_IS_OVER}; re.fullmatch('(a+)+b', 'a' * 60)",
        f"{HOOK}{TIME_IS_OVER}; __import__('time').sleep(60)\n    yield toy('bad')",
    ],
)
def test_a_package_that_takes_too_long_at_the_start_is_set_aside_and_named(site: Site, code: str) -> None:
    site.install("bad", code)
    site.install("good")
    found = discover(site.entry_points(), within=timedelta(minutes=2))
    assert [declared.declaration.name for declared in found.rails] == ["good"]
    (problem,) = found.problems
    assert (
        "'bad' of rail-bad 1.0 took longer than 120 s at the start, in fake_rail_bad_bad.py, line " in problem.sentence
    )


def test_settings_that_take_too_long_are_a_problem_of_their_rail(site: Site) -> None:
    late = f"lambda settings: ({TIME_IS_OVER}, __import__('time').sleep(60))"
    site.install("bad", f"{HOOK}yield toy('bad', guarantees={late})")
    site.install("good")
    catalog = activate(
        discover(site.entry_points()),
        lambda rail: (ToySettings(**KNOWN), "test"),
        within=timedelta(minutes=2),
    )
    assert [rail.declaration.name for rail in catalog.rails] == ["good"]
    assert "took longer than 120 s at the start" in catalog.problems[0].sentence


def test_a_package_may_run_an_event_loop_of_its_own_while_it_is_imported(site: Site) -> None:
    site.install("zap", f"import asyncio\nasyncio.run(asyncio.sleep(0))\n{HOOK}yield toy('zap')")
    assert discover(site.entry_points()).problems == ()


def test_a_person_who_interrupts_is_heard(site: Site) -> None:
    site.install("bad", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover(site.entry_points())


@pytest.mark.parametrize("name", ["Zap", "zap-pay", "1zap", "zap_pay", "a" * 21, "factor", "answer", "zäp"])
def test_a_rail_with_a_name_that_cannot_be_one_is_never_imported(site: Site, name: str) -> None:
    module = site.install(name, distribution="rail-x")
    (problem,) = discover(site.entry_points()).problems
    assert "is misnamed" in problem.sentence
    assert module not in sys.modules


def test_a_rails_name_never_hides_a_setting_of_ours() -> None:
    assert {
        name.split("_")[0].lower() for name in (v.removeprefix("RIEL_") for v in VARIABLES) if "_" in name
    } == RESERVED


def test_a_name_claimed_twice_is_offered_by_nobody_and_neither_is_imported(site: Site) -> None:
    modules = [
        site.install("spei", distribution="rail-spei", version="1.2"),
        site.install("spei", distribution="other-spei", version="0.1"),
    ]
    found = discover(site.entry_points())
    assert found.rails == ()
    (problem,) = found.problems
    assert problem.sentence == "'spei' is offered by other-spei 0.1 and rail-spei 1.2, so by nobody"
    assert problem.remedy == "Uninstall one: pip uninstall other-spei, or pip uninstall rail-spei."
    assert not set(modules) & set(sys.modules)


@pytest.mark.parametrize(
    ("requirement", "riel_version", "fits"),
    [
        ("riel>=0.1,<0.2", "0.1.0", True),
        ("riel>=0.2", "0.1.0", False),
        ("Riel (>=0.2)", "0.1.0", False),
        ("riel~=0.1", "0.1.5", True),
        ("riel[postgres]>=2", "0.1.0", False),
        ("riel>=0.1", "0.2.0rc1", True),
        ("riel>=0.2", "0.2.0rc1", False),
        ("riel<0.2", "0.2.0.dev3", False),
        ("riel>=9; extra == 'test'", "0.1.0", True),
        ("riel>=9; python_version < '3'", "0.1.0", True),
        ("riel-extras>=9", "0.1.0", True),
        ("riel", "0.1.0", True),
    ],
)
def test_a_rail_for_another_riel_is_not_imported(site: Site, requirement: str, riel_version: str, fits: bool) -> None:
    module = site.install("zap", requires=["httpx", requirement])
    found = discover(site.entry_points(), riel_version=riel_version)
    assert len(found.rails) == fits
    assert (module in sys.modules) == fits
    if not fits:
        assert "needs riel" in found.problems[0].sentence
        assert f"this is riel {riel_version}" in found.problems[0].sentence


def test_each_bound_of_a_requirement_counts() -> None:
    assert unmet_bounds(["riel==0.1.*", "riel!=0.1.1"], "0.1.1") == "!=0.1.1"
    assert unmet_bounds(["riel>=0.1", "riel<0.2; python_version < '3'"], "0.2rc1") == ""


def test_metadata_that_cannot_be_read_is_a_problem(site: Site) -> None:
    site.install("bad", version="1.0")
    site.install("good")
    (site.folder / "rail_bad-1.0.dist-info" / "METADATA").write_bytes(b"Name: caf\xe9\n")
    found = discover(site.entry_points())
    assert [declared.declaration.name for declared in found.rails] == ["good"]
    assert "metadata that cannot be read" in found.problems[0].sentence


BROKEN_METADATA = {
    "an empty folder": ("left-1.0.dist-info", None, 0),
    "a folder without a name": (".dist-info", None, 0),
    "a line without a value": ("left-1.0.dist-info", b"[console_scripts]\nleft\n", 0),
    "a line of ours without a value": ("left-1.0.dist-info", b"[riel]\nleft\n", 1),
    "entry points in Latin-1": ("left-1.0.dist-info", "[console_scripts]\ncaf\xe9 = a:b\n".encode("latin-1"), 1),
}


@pytest.mark.parametrize("what", BROKEN_METADATA)
def test_broken_metadata_of_an_unrelated_package_stops_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    folder, entry_points, problems = BROKEN_METADATA[what]
    site.install("zap")
    (site.folder / folder).mkdir()
    if entry_points is not None:
        (site.folder / folder / "entry_points.txt").write_bytes(entry_points)
    monkeypatch.setattr("riel.installed_packages.distributions", lambda: distributions(path=[str(site.folder)]))
    found = discover()
    assert [declared.declaration.name for declared in found.rails] == ["zap"]
    assert len(found.problems) == problems
    for problem in found.problems:
        assert problem.sentence.startswith("the entry points in left-1.0.dist-info cannot be read")
        assert problem.remedy == "Reinstall or remove it."
    assert discover(only=["zap"]).problems == ()


def test_a_model_can_be_declared_beside_a_package_with_broken_metadata(site: Site) -> None:
    (site.folder / "left-1.0.dist-info").mkdir()
    (site.folder / "left-1.0.dist-info" / "entry_points.txt").write_bytes("caf\xe9 = a:b\n".encode("latin-1"))
    program = "import riel; print(riel.Payment.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(site.folder)}, capture_output=True
    )
    assert (done.stdout, done.stderr) == (b"Payment\n", b"")


def test_what_is_not_on_the_allow_list_is_never_imported(site: Site) -> None:
    module = site.install("zap")
    site.install("pix")
    found = discover(site.entry_points(), only=["pix"])
    assert [declared.declaration.name for declared in found.rails] == ["pix"]
    assert found.problems == ()
    assert module not in sys.modules


def test_a_rail_on_the_allow_list_that_cannot_be_offered_stops_the_start(site: Site) -> None:
    site.install("bad", "raise ValueError")
    site.install("pix")
    found = discover(site.entry_points(), only=["bad", "pix", "missing"])
    with pytest.raises(Misconfigured) as stopped:
        activate(found, lambda rail: (ToySettings(**KNOWN), "test"))
    first, second = str(stopped.value).splitlines()
    assert first.startswith("'bad' of rail-bad 1.0 failed with ValueError")
    assert second.startswith("'missing' is not installed")
    shown = activate(found, lambda rail: (ToySettings(**KNOWN), "test"), insist=False)
    assert [rail.declaration.name for rail in shown.rails] == ["pix"]


def test_a_rail_that_is_on_no_list_and_broken_does_not_stop_the_start(site: Site) -> None:
    site.install("bad", "raise ValueError")
    assert len(activate(discover(site.entry_points()), lambda rail: (ToySettings(**KNOWN), "test")).problems) == 1


def test_the_order_of_installation_changes_nothing(site: Site) -> None:
    for name in ("pix", "ach", "zap"):
        site.install(name)
    site.install("bad", "raise ValueError")
    site.install("worse", "import nothing_like_it")
    installed = site.entry_points()
    first = discover(installed)
    assert [declared.declaration.name for declared in first.rails] == ["ach", "pix", "zap"]
    for other in (installed[::-1], installed[2:] + installed[:2]):
        again = discover(other)
        assert [declared.declaration.name for declared in again.rails] == ["ach", "pix", "zap"]
        assert again.problems == first.problems


def test_what_a_rail_prints_never_reaches_stdout(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    loud = (
        "import os, subprocess, sys\n"
        "print('one')\nsys.__stdout__.write('two')\nos.write(1, b'three')\nsubprocess.run(['echo', 'four'])\n"
    )
    site.install("loud", loud + HOOK + "print('five')\n    yield toy('loud')")
    found = discover(site.entry_points())
    print("ours")
    assert [declared.declaration.name for declared in found.rails] == ["loud"]
    said = capfd.readouterr()
    assert said.out == "ours\n"
    assert all(word in said.err for word in ("one", "two", "three", "four", "five"))


FACTOR = (
    "from riel import hookimpl\n"
    "class Pigeon:\n"
    "    name, sandbox_only, dynamic_linking = 'pigeon', False, True\n"
    "    open = ask = check = is_replay = None\n"
    "class Hours:\n"
    "    name = 'hours'\n"
    "    def check(self, wanted): ...\n"
    "@hookimpl\ndef riel_factors():\n    yield Pigeon\n"
    "@hookimpl\ndef riel_guards():\n    yield Hours()\n"
)


def test_factors_and_guards_come_from_packages_too(site: Site) -> None:
    site.install("birds", FACTOR)
    found = discover(site.entry_points())
    assert [factor.name for factor in found.factors] == ["pigeon"]
    assert [guard.name for guard in found.guards] == ["hours"]
    assert found.problems == ()


def test_a_factor_that_two_packages_bring_is_offered_by_nobody(site: Site) -> None:
    site.install("birds", FACTOR)
    site.install("other", FACTOR)
    found = discover(site.entry_points())
    assert found.factors == ()
    assert {problem.entry_point for problem in found.problems} == {"birds", "other"}
    assert "the factor 'pigeon' is offered by rail-birds 1.0 and rail-other 1.0" in found.problems[0].sentence


def test_a_strangers_factor_with_the_name_of_ours_is_not_used_and_named(site: Site) -> None:
    site.install("birds", FACTOR.replace("'pigeon'", "'totp'"))
    found = discover(site.entry_points())
    assert found.factors == ()
    assert [guard.name for guard in found.guards] == ["hours"]
    (problem,) = found.problems
    assert problem.sentence == (
        "'birds' of rail-birds 1.0 brings a factor 'totp', which is the name of riel's own: it is not used"
    )
    assert choose_factor("totp", found.factors).__module__.startswith("riel.")


@pytest.mark.parametrize("name", ["7", "None", "'two words'", "property(lambda self: 1 / 0)"])
def test_a_guard_whose_name_cannot_be_read_is_a_problem_of_its_own_package(site: Site, name: str) -> None:
    site.install("birds", FACTOR.replace("name = 'hours'", f"name = {name}"))
    site.install("good", FACTOR.replace("'pigeon'", "'dove'"))
    found = discover(site.entry_points())
    assert [guard.name for guard in found.guards] == ["hours"]
    assert [problem.entry_point for problem in found.problems] == ["birds"]


def test_docs_outside_of_the_rails_own_package_are_refused(site: Site) -> None:
    everything = site.folder / "everything"
    everything.mkdir()
    (everything / "secret.md").write_text("# Secret")
    site.install("bad", f"{HOOK}yield toy('bad', docs={str(everything)!r})")
    package = site.folder / site.install("good")
    package.with_suffix(".py").unlink()
    (package / "docs").mkdir(parents=True)
    (package / "docs" / "page.md").write_text("# Page")
    (package / "__init__.py").write_text(f"{HOOK}yield toy('good', docs=__path__[0] + '/docs')")
    found = discover(site.entry_points())
    assert [declared.declaration.name for declared in found.rails] == ["good"]
    assert "declares docs outside of its own package" in found.problems[0].sentence
    (package / "docs" / "link.md").symlink_to(everything / "secret.md")
    sys.modules.pop(package.name)
    assert discover(site.entry_points()).rails == ()


def test_guarantees_that_contradict_each_other_are_named_to_the_author_with_what_to_do(site: Site) -> None:
    site.install(
        "bad",
        f"from dataclasses import replace\nfrom datetime import timedelta\nfrom toy import GUARANTEES\n{HOOK}"
        "yield toy('bad', guarantees=replace(GUARANTEES, dedupe_window=timedelta(0)))",
    )
    (problem,) = discover(site.entry_points()).problems
    assert problem.sentence == (
        "'bad' of rail-bad 1.0 declares guarantees whose dedupe_window is not zero exactly when dedupe is 'no'"
    )
    assert problem.remedy.startswith("Correct it, if it is yours; update rail-bad, or uninstall it, if it is not.")


@pytest.mark.parametrize("seconds", [0, -1, 301, 30 * 86_400])
def test_a_send_deadline_that_would_keep_a_server_from_ending_is_refused(seconds: int) -> None:
    with pytest.raises(BrokenRail, match="a send_deadline that is not between nothing and five minutes"):
        replace(GUARANTEES, send_deadline=timedelta(seconds=seconds))


class Loose(ToyPayment):
    model_config = {"extra": "ignore"}


class Floating(ToyPayment):
    amount: float  # type: ignore[assignment]


class Coerced(ToyPayment):
    amount: Annotated[int, Field(strict=False, ge=1)]


class Zero(ToyPayment):
    amount: Annotated[int, Field(strict=True, ge=0)]


class Limited(ToyPayment):
    amount: Annotated[int, Field(strict=True, ge=1, le=100)]


class Nobody(Payment):
    account: str


class TwoFields(ToyLookup):
    account: str


class Elsewhere(Refund):
    tracking_key: Annotated[str, Field(alias="clave")]


class Undrawable(Receipt):
    model_config = {"arbitrary_types_allowed": True}
    tracking_key: str | None = None
    thing: Site | None = None


class Payerless(RailSettings):
    api_key: str


class Renamed(ToySettings):
    key: Annotated[str, Field(validation_alias="STP_KEY")]


class Slow(ToyPayment):
    async def payee(self) -> Payee:  # type: ignore[override]
        return Payee(self.account)


class HalfClient:
    async def prepare(self, draft: object, references: object) -> None: ...
    async def send(self, order: object) -> None: ...
    async def status(self, order: object) -> None: ...
    async def refund(self, order: object) -> None: ...


async def opens(settings: object, http: object) -> AsyncIterator[HalfClient]:
    yield HalfClient()


async def waits(*received: object) -> None: ...


def tool(name: str) -> Tool:
    return Tool(
        name=name,
        title="",
        description="",
        scope="",
        input=WireModel,
        output=WireModel,
        run=lambda client, asked: asked,
    )


UNSERVABLE = {
    "no model": ({"payment": dict}, "a payment that is not a subclass of riel.Payment"),
    "a value for a class": ({"lookup": ToyLookup(tracking_key="x")}, "a lookup that is not a subclass of riel.Lookup"),
    "no currency": ({"currency": ()}, "the currency ''"),
    "an unknown currency": ({"currency": "XXQ"}, "the currency 'XXQ', which is not in ISO 4217"),
    "a list of currencies": ({"currency": ["MXN"]}, "a currency that is neither a string nor a tuple"),
    "several currencies and no field": ({"currency": ("MXN", "CLP")}, "a payment without a field 'currency'"),
    "amounts that are floats": ({"payment": Floating}, "whose amount is not riel.MinorUnits"),
    "amounts that are coerced": ({"payment": Coerced}, "whose amount is not riel.MinorUnits"),
    "amounts of nothing": ({"payment": Zero}, "whose amount is not riel.MinorUnits"),
    "unknown arguments let through": ({"payment": Loose}, "a payment that changes extra of riel.WireModel"),
    "nobody to pay": ({"payment": Nobody}, "does not say who is paid"),
    "a look-up of two fields": ({"lookup": TwoFields}, "a lookup of 2 fields"),
    "a look-up of none": ({"lookup": Lookup}, "a lookup of 0 fields"),
    "a refund of nothing": ({"refund": Refund}, "a refund without the field 'tracking_key'"),
    "a refund that calls it otherwise": ({"refund": Elsewhere}, "a refund without the field 'tracking_key'"),
    "a receipt without reference": ({"receipt": Receipt}, "a receipt without the field 'tracking_key'"),
    "a type JSON does not have": ({"receipt": Undrawable}, "a receipt that has no JSON schema"),
    "a payer that nobody names": (
        {"settings": Payerless},
        "settings that do not say whose money leaves: define the property payer in Payerless",
    ),
    "a setting that is named otherwise": ({"settings": Renamed}, "settings with an alias"),
    "errors in other words": ({"errors": {"E1": "insufficient funds"}}, "errors that are not riel.ErrorCode"),
    "capabilities as words": ({"capabilities": "all"}, "capabilities of another type"),
    "no guarantees": ({"guarantees": None}, "a guarantees that cannot be called"),
    "a refund that is declared and not guaranteed": (
        {"guarantees": replace(GUARANTEES, refunds="no")},
        "declares that it can refund, and guarantees that refunds are made not at all",
    ),
    "a refusal without an error": ({"errors": {}}, "declares refusals without an error that explains them: 'NO'"),
    "an error of another rail": (
        {"errors": {"NO": ErrorCode(code="SPEI_NO", message="No.", remedy="Ask.")}},
        "declares the error code 'SPEI_NO': begin it with TOY_",
    ),
    "a connect that makes its own HTTP client": (
        {"connect": lambda settings: None},
        "a connect that does not take two arguments: the settings, and the HTTP client that riel makes",
    ),
    "a connect without its mark": ({"connect": opens}, "mark it with @asynccontextmanager"),
    "a client without returns": (
        {
            "connect": asynccontextmanager(opens),
            "capabilities": Capabilities(refund=yes, partial_refund=yes, returns=yes),
        },
        "declares a client, HalfClient, without a method 'build_return'",
    ),
    "a client without a statement": (
        {
            "connect": asynccontextmanager(opens),
            "capabilities": Capabilities(refund=yes, partial_refund=yes, statement=yes),
        },
        "declares a client, HalfClient, without a method 'statement'",
    ),
    "an async prepare": ({"connect": asynccontextmanager(opens)}, "whose prepare is async"),
    "an async payee": ({"payment": Slow}, "declares a payment whose payee is async"),
    "an async webhook": ({"parse_webhook": waits}, "declares a parse_webhook that is async"),
    "no way to connect": ({"connect": None}, "a connect that cannot be called"),
    "a tool over one of the three": ({"tools": (tool("send_payment"),)}, "a tool named 'send_payment'"),
    "a tool twice": ({"tools": (tool("list"), tool("list"))}, "a tool named 'list'"),
    "a tool with the prefix": ({"tools": (tool("toy_list"),)}, "a tool named 'toy_list'"),
    "something else for a tool": ({"tools": ("list",)}, "tools that are not riel.Tool"),
}


def test_a_rail_that_does_not_say_whose_money_leaves_is_refused_with_its_distribution_and_class(site: Site) -> None:
    payerless = "class ZapSettings(RailSettings):\n    api_key: str\n"
    hook = HOOK + "yield toy('zap', settings=ZapSettings)"
    site.install("zap", "from riel import RailSettings\n" + payerless + hook)
    found = discover(site.entry_points())
    assert found.rails == ()
    assert found.problems[0].sentence.startswith(
        "'zap' of rail-zap 1.0 declares settings that do not say whose money leaves: define the property payer in "
        "ZapSettings, "
    )


@pytest.mark.parametrize("what", UNSERVABLE)
def test_a_declaration_that_cannot_be_served_is_refused_before_it_is_offered(what: str) -> None:
    changes, sentence = UNSERVABLE[what]
    assert any(sentence in fault for fault in validate(toy(**changes))), validate(toy(**changes))


@pytest.mark.parametrize("changes", [{}, {"payment": Limited}, {"sandbox": None}, {"tools": (tool("list_all"),)}])
def test_a_declaration_that_can_be_served_has_no_fault(changes: dict[str, object]) -> None:
    assert validate(toy(**changes)) == []


def test_every_fault_is_said_at_once(site: Site) -> None:
    site.install("bad", f"from riel import Refund\n{HOOK}yield toy('bad', currency='XXQ', refund=Refund)")
    (problem,) = discover(site.entry_points()).problems
    assert "XXQ" in problem.sentence
    assert "declares a refund without" in problem.sentence


def found_with(site: Site, changes: str = "") -> Discovery:
    site.install("zap", f"from toy import GUARANTEES\n{HOOK}yield toy('zap', {changes})")
    found = discover(site.entry_points())
    assert found.problems == ()
    return found


def test_an_active_rail_has_its_settings_its_mode_and_its_guarantees(site: Site) -> None:
    settings = ToySettings(**KNOWN)
    (rail,) = activate(found_with(site), lambda rail: (settings, "test")).rails
    assert (rail.declaration.name, rail.distribution, rail.version) == ("zap", "rail-zap", "1.0")
    assert rail.settings is settings
    assert (rail.mode, rail.guarantees.send_deadline) == ("test", timedelta(seconds=10))


def test_guarantees_may_depend_on_the_settings(site: Site) -> None:
    found = found_with(site, "guarantees=lambda settings: GUARANTEES if settings.retries == 3 else None")
    assert activate(found, lambda rail: (ToySettings(**KNOWN), "test")).rails[0].guarantees == GUARANTEES
    assert sentences(activate(found, lambda rail: (ToySettings(**KNOWN, retries=0), "test"))) == [
        "'zap' of rail-zap 1.0 declares no guarantees"
    ]


@pytest.mark.parametrize("code", ["1 / 0", "exit()"])
def test_a_rail_that_fails_with_its_settings_is_a_problem(site: Site, code: str) -> None:
    catalog = activate(
        found_with(site, f"guarantees=lambda settings: {code}"), lambda rail: (ToySettings(**KNOWN), "test")
    )
    assert catalog.rails == ()
    assert sentences(catalog)[0].startswith("'zap' of rail-zap 1.0 ")


def test_a_rail_without_its_settings_is_a_problem_that_names_them(site: Site) -> None:
    def resolve(rail: object) -> tuple[RailSettings, str]:
        raise Misconfigured("RIEL_ZAP_API_KEY is missing")

    (problem,) = activate(found_with(site), resolve).problems  # type: ignore[arg-type]
    assert problem.sentence == "RIEL_ZAP_API_KEY is missing"
    assert problem.entry_point == "zap"
