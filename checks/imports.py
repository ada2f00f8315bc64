"""Import every module of a package, in an environment where only its own dependencies are installed.

``python checks/imports.py packages/core``. A module that needs an extra may fail only for what the extra names.
"""

import ast
import importlib
import re
import sys
import tomllib
from pathlib import Path


def main(package: str) -> int:
    """The exit code: 0 where every module can be imported, or lacks nothing but an extra."""
    project = tomllib.loads(Path(package, "pyproject.toml").read_text())["project"]
    asked = [line for lines in project.get("optional-dependencies", {}).values() for line in lines]
    extras = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in asked}
    failed = []
    modules = sorted(_modules(Path(package, "src")))
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if (missing.name or "").partition(".")[0] not in extras:
                failed.append(f"{name}: {missing}")
    print(*failed, f"{len(modules)} modules, {len(failed)} of them lack something", sep="\n")
    return 1 if failed or not modules else 0


def _modules(source: Path) -> set[str]:
    """The names of all modules; a script that ends at its import, such as ``__main__``, is none."""
    found = set()
    for file in source.rglob("*.py"):
        parts = file.relative_to(source).with_suffix("").parts
        if parts[-1] != "__main__" and ast.parse(file.read_text("utf-8")).body:
            found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
