"""``python -m coalactl``: the same as the ``coalactl`` command."""

from __future__ import annotations

import sys

from coalactl.cli import main

if __name__ == "__main__":
    sys.exit(main())
