"""``python -m riel`` is ``riel``."""

import sys

from riel.cli import main

if __name__ == "__main__":
    sys.exit(main())
