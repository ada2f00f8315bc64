"""The option ``--json``, and the output that it selects."""

import json
import sys
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(document: Any) -> None:
    """Write ``document`` to stdout as one JSON document, in letters as they are where stdout has every letter."""
    has_every_letter = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=not has_every_letter) + "\n")
