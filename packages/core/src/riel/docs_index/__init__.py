"""Pages of documentation, searched: which sections of a folder of markdown speak of something."""

from riel.docs_index.pages import Pages
from riel.docs_index.sections import Section

__all__ = ["Pages", "Section"]
