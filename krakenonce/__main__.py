"""``python3 -m krakenonce``: the same as the command ``krakenonce``."""

import sys

from krakenonce.cli import main

if __name__ == "__main__":
    sys.exit(main())
