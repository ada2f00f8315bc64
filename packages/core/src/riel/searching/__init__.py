"""Pages of documentation, searched: which sections of a folder of markdown speak of something."""

from riel.searching.pages import Pages
from riel.searching.sections import Section

__all__ = ["Pages", "Section"]
