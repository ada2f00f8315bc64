"""Rails that do not work, and one that does, installed as pip would: a module and its metadata in a folder."""

import contextlib
import importlib.metadata
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

HOOK = "from riel import hookimpl\nfrom toy import toy\n\n@hookimpl\ndef riel_rails():\n    "


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        shutil.copy(Path(__file__).with_name("toy.py"), folder)

    def install(
        self,
        name: str,
        code: str | None = None,
        *,
        distribution: str | None = None,
        version: str = "1.0",
        requires: Sequence[str] = (),
    ) -> str:
        """Install a distribution with one entry point; by default a rail that works. Returns its module's name."""
        distribution = distribution or f"rail-{name}"
        module = f"fake_{distribution.replace('-', '_')}_{name.lower()}"
        (self.folder / f"{module}.py").write_text(f"{HOOK}yield toy({name!r})\n" if code is None else code)
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}")
        (info / "entry_points.txt").write_text(f"[riel]\n{name} = {module}\n")
        return module

    def entry_points(self) -> list[EntryPoint]:
        """Every entry point of the group, as ``importlib.metadata`` finds them here."""
        return [
            entry_point
            for distribution in importlib.metadata.distributions(path=[str(self.folder)])
            for entry_point in distribution.entry_points
        ]

    @contextlib.contextmanager
    def on_the_path(self) -> Iterator["Site"]:
        """Make it importable, and forget afterwards what was imported from it."""
        known = set(sys.modules)
        sys.path.insert(0, str(self.folder))
        try:
            yield self
        finally:
            sys.path.remove(str(self.folder))
            for name in set(sys.modules) - known:
                file = getattr(sys.modules[name], "__file__", None) or ""
                if name == "toy" or file.startswith(str(self.folder)):
                    del sys.modules[name]
