"""What a command prints for a program, and the option that asks for it."""

import json
import sys
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(told: Any) -> None:
    """Write ``told`` to stdout as one JSON document, in letters as they are."""
    sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
