"""Name each function, method, class or attribute of the packages that nothing in them uses: ``nox -s unused``.

A test alone is no use. Variables are left out: the fields of a record are read where it is written out, by no name.
``riel.testing`` is left out too: it is there for the tests of others.
"""

import sys
from pathlib import Path

from vulture import Vulture  # type: ignore[import-untyped]

ALLOWED = {
    "a command of the command line, found by its name": {"demo", "restore", "thaw"},
    "a factor, opened by its name": {"FileFactor", "TotpFactor"},
    "called by Python": {"__getattr__"},
    "called by asyncio": {"data_received", "eof_received", "pause_writing", "resume_writing"},
    "called by httpx": {"auth_flow"},
    "for the approval pages, which are not there yet": {
        *("of_answer", "of_proof", "registration_options", "assertion_options", "verify_again"),
        *("decision_statement", "sign_in_statement", "enrolment_statement", "admin_statement"),
        *("objection", "shortfall", "read_policy", "stricter"),
        *("add_first_admin", "add_person", "change_roles", "change_language", "change_subjects", "issue_link"),
        *("redeem_link", "activate_first", "revoke_credential", "revoke_person"),
    },
    "read by a library": {"handlers", "raiseExceptions", "redirect_slashes", "row_factory"},
    "for tests": {"drain", "markdown_table", "stop_renewing"},
}
DECORATORS = ["@field_validator", "@model_validator", "@*.command", "@*.callback"]
"""What pydantic and typer call."""


def main() -> int:
    """The exit code: 0 where everything is used, and everything that is allowed is there."""
    vulture = Vulture(ignore_decorators=DECORATORS)
    sources = [str(path) for path in sorted(Path("packages").glob("*/src"))]
    vulture.scavenge([*sources, "typing_tests"])
    found = [item for item in vulture.get_unused_code() if item.typ != "variable"]
    found = [item for item in found if "src" in item.filename.parts and "testing" not in item.filename.parts]
    allowed = {name for names in ALLOWED.values() for name in names}
    failed = [f"{item.get_report()}" for item in found if item.name not in allowed]
    failed += [f"{name} is allowed, and used or gone" for name in sorted(allowed - {item.name for item in found})]
    print(*failed, f"{len(failed)} unused", sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
