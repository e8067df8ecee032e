"""Foreign file shapes, read and written: prompt files and battle files.

Read `read_prompts` (what is asked) first, then `read_battles` (who won). `Plan` takes columns that are in memory.
"""

from fairtrial.formats.battles import file_shape, read_battles
from fairtrial.formats.coding import Kind, Loaded, Want, count_at, length, text_of
from fairtrial.formats.plans import Plan
from fairtrial.formats.prompts import read_prompts
from fairtrial.formats.shapes import Shape, shape_of

__all__ = [
    "Kind",
    "Loaded",
    "Plan",
    "Shape",
    "Want",
    "count_at",
    "file_shape",
    "length",
    "read_battles",
    "read_prompts",
    "shape_of",
    "text_of",
]
