"""The starter set: 120 items written for Fairtrial, and worked examples apart from them. Read `starter` first.

Who wrote it, for what it is good and for what not: ``CARD.md`` beside this file.

    category    en  ko  scorers
    arithmetic  14   6  number
    facts       14   6  contains, number
    reading     10   6  contains, exact, f1, number
    sentiment   14   6  exact
    format       9   5  exact
    reasoning   10   6  choice, number
    writing      9   5  none

Six worked examples for each category and language stand in a file of their own. They are never asked; few-shot
strategies show them.
"""

from importlib.resources import as_file, files

from fairtrial.core import PromptSet
from fairtrial.formats import read_prompts


def starter() -> PromptSet:
    """The starter set with its examples."""
    shelf = files(__name__)
    with as_file(shelf / "items.jsonl") as items, as_file(shelf / "examples.jsonl") as examples:
        asked, shown = read_prompts(items), read_prompts(examples, fields={"is_example": ""})
    return PromptSet(name="starter", prompts=asked.prompts, examples=shown.prompts)
