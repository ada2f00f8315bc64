"""The entry points of the group ``riel`` among all installed packages, whatever state the other packages are in."""

import re
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

GROUP = "riel"


@dataclass(frozen=True, slots=True)
class Installed:
    """The entry points, and the packages of which nobody can tell whether they have one."""

    entry_points: tuple[EntryPoint, ...]
    unreadable: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names of the entry points."""
        return frozenset(entry_point.name for entry_point in self.entry_points)


def installed_packages() -> Installed:
    """Read the metadata of every installed package; metadata that is broken concerns that package alone.

    ``importlib.metadata.entry_points`` fails as a whole if one package cannot be read. Of a package that is installed
    twice, the first one on the path counts.
    """
    entry_points: list[EntryPoint] = []
    unreadable: list[str] = []
    seen: set[str] = set()
    for distribution in distributions():
        name = _metadata_folder(distribution)
        try:
            text = distribution.read_text("entry_points.txt")
            if not text or f"[{GROUP}]" not in text:  # nearly every package; parsing each would take a tenth of a start
                continue
            ours = [entry_point for entry_point in distribution.entry_points if entry_point.group == GROUP]
        except Exception:
            unreadable.append(name)
            continue
        project = name.removesuffix(".dist-info").removesuffix(".egg-info").partition("-")[0]
        if (key := re.sub(r"[-_.]+", "-", project).lower()) not in seen:
            seen.add(key)
            entry_points += ours
    return Installed(tuple(entry_points), tuple(sorted(unreadable)))


def _metadata_folder(distribution: Distribution) -> str:
    """The name of its folder of metadata, ``rail_zap-1.0.dist-info``: the metadata itself may be broken."""
    path = getattr(distribution, "_path", None)
    return getattr(path, "name", "") or "an unknown package"
