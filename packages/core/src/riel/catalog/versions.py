"""Whether a distribution was made for this riel: the bounds in its metadata against the version that is installed."""

from collections.abc import Iterable


def unmet_bounds(requires: Iterable[str], installed: str) -> str:
    """The bounds on riel that ``installed`` does not meet, as the distribution wrote them; empty where it meets them.

    :param requires: the distribution's ``Requires-Dist`` lines. A pre-release of riel counts wherever the bounds
        allow it.
    """
    from packaging.requirements import Requirement  # 40 ms, for nothing where no rail is installed

    for requirement in map(Requirement, requires):
        if requirement.name.lower() != "riel":
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            return str(requirement.specifier)
    return ""
