"""The vote tables of the statistics' tests can be imported by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "stats"))
