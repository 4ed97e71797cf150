"""`python -m ppsim`."""

import sys

from ppsim.cli import main

if __name__ == "__main__":
    sys.exit(main())
