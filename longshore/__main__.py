"""`python -m longshore`: the same as the command `longshore`."""

from __future__ import annotations

import sys

from longshore.cli import main

sys.exit(main())
