"""`python -m faced` and the console script."""

import sys

from faced.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
