"""`python -m pyrocausal`, and the command `pyrocausal`."""

import sys

from pyrocausal.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
