"""Foreign file shapes, read and written: prompt files and battle files.

Read `read_prompts` (what is asked) first, then `read_battles` (who won).
"""

from fairtrial.formats.battles import read_battles
from fairtrial.formats.prompts import read_prompts

__all__ = ["read_battles", "read_prompts"]
