"""Foreign file shapes, read and written: prompt files and battle files.

Read `read_prompts` (what is asked) first.
"""

from fairtrial.formats.prompts import read_prompts

__all__ = ["read_prompts"]
