"""One class name stands for one thing in the whole repository, and no module is named by a gerund or a participle."""

import ast
import re
import subprocess
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]

NOUNS = {"mapping", "parsing", "routing", "settings", "testing", "timing", "framing", "seed", "signing"}
"""Words with such an ending that are nouns of the field: a table of statuses, a package of test instruments."""

PARTICIPLES = {
    "asked",
    "born",
    "bound",
    "found",
    "given",
    "gone",
    "heard",
    "held",
    "kept",
    "known",
    "left",
    "lost",
    "made",
    "paid",
    "said",
    "seen",
    "shown",
    "told",
    "taken",
    "written",
}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True)
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).exists()]


def is_gerund_or_participle(word: str) -> bool:
    """Whether a name ends in such a word: its last word says what it is."""
    return word not in NOUNS and (word in PARTICIPLES or re.fullmatch(r"[a-z]{2,}(ing|ed)", word) is not None)


def test_no_module_is_named_by_a_gerund_or_a_participle() -> None:
    paths = [path.relative_to(ROOT) for path in tracked("packages/*/src/*.py")]
    named = {
        str(path)
        for path in paths
        for part in path.with_suffix("").parts[3:]
        if is_gerund_or_participle(part.strip("_").rpartition("_")[2])
    }
    assert len(paths) > 200
    assert named == set()


def test_each_class_name_stands_for_one_thing() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in tracked("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    several = {name: where for name, where in places.items() if len(where) > 1}
    assert len(places) > 500
    assert several == {}
