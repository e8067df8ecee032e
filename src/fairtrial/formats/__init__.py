"""Foreign file shapes, read and written: prompt files, battle files and pair files.

Read `read_prompts` (what is asked) first, then `read_battles` (who won) and `read_pairs` (two answers, and which is
better). `Plan` takes columns that are in memory.
"""

from fairtrial.formats.battles import file_shape, read_battles
from fairtrial.formats.coding import Kind, Loaded, Want, count_at, length, text_of
from fairtrial.formats.pair_rows import write_pairs
from fairtrial.formats.pairs import Pair, read_pairs, winner_share
from fairtrial.formats.plans import Plan
from fairtrial.formats.prompts import read_prompts
from fairtrial.formats.shapes import Shape, shape_of

__all__ = [
    "Kind",
    "Loaded",
    "Pair",
    "Plan",
    "Shape",
    "Want",
    "count_at",
    "file_shape",
    "length",
    "read_battles",
    "read_pairs",
    "read_prompts",
    "shape_of",
    "text_of",
    "winner_share",
    "write_pairs",
]
