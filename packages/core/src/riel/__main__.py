"""``python -m riel`` is ``riel``."""

from riel.cli import run

if __name__ == "__main__":
    run()
