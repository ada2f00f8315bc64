"""The option ``--json``, and the output that it selects."""

import json
import sys
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(document: Any) -> None:
    """Write ``document`` to stdout as one JSON document, in letters as they are."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
