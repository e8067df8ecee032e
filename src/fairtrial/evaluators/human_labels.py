"""Pairs that people labelled, to weigh or to calibrate judges by: never those that they are examined on.

Read `human_labels` first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fairtrial.core import BadInput, digest
from fairtrial.evaluators.contamination import text_hash
from fairtrial.evaluators.examining import items_of
from fairtrial.evaluators.tables import Item
from fairtrial.formats.pairs import Pair

_MACHINE = re.compile(
    r"gpt-?\d|chatgpt|\b(?:llm|gpt|claude|gemini)\b|^judge:|^(?:openai|embedded|sim|heuristic)/", re.IGNORECASE
)
"""Names under which judge models stand as annotators in published files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanLabels:
    """Labelled pairs, and what was left out of them."""

    name: str
    """Of the file."""
    items: tuple[Item, ...]
    """Each with a label, a tie among them."""
    digest: str
    """Content address of the pairs and their labels: what is fitted to others is another evaluator."""
    shared: int
    """Pairs left out because their prompt is among those that judges are examined on."""
    unlabelled: int
    """Pairs left out because nobody says which answer is better, or as many say one as the other."""

    @property
    def prompts(self) -> int:
        """Different prompts among the items."""
        return len({item.prompt.id for item in self.items})


def human_labels(name: str, pairs: Sequence[Pair], *, apart_from: Sequence[Pair]) -> HumanLabels:
    """The pairs of a file that people labelled and whose prompts are not among others.

    Prompts are the unit, for intervals are about other prompts: a pair is left out where its prompt is the same up to
    spaces and capitals (`text_hash`). A paraphrase is not found, and neither is a machine with a person's name.

    Args:
        name: Of the file, for errors.
        pairs: Its pairs. A label is human where it has named or numbered annotators, or ``label_source = "human"``.
        apart_from: What judges are examined on.

    Raises:
        BadInput: A label that is not known to be human, or no pair left.
    """
    asked = {_prompt_hash(pair) for pair in apart_from}
    labelled = [pair for pair in pairs if pair.label is not None]
    for pair in labelled:
        _require_human(name, pair)
    kept = items_of([pair for pair in labelled if _prompt_hash(pair) not in asked])
    shared = len(labelled) - len(kept)
    if not kept:
        why = f"the prompts of all {shared:,} labelled pairs are among the others" if shared else "no pair has a label"
        raise BadInput(
            f"{why}, so nothing can be learned here.", where=name, next_step="Give human labels on other prompts."
        )
    return HumanLabels(
        name=name,
        items=kept,
        digest=digest(sorted([item.battle.id, item.label] for item in kept)),
        shared=shared,
        unlabelled=len(pairs) - len(labelled),
    )


def _prompt_hash(pair: Pair) -> str:
    return text_hash("\n".join(pair.prompts))


def _require_human(name: str, pair: Pair) -> None:
    machine = next((one for one in (*pair.raters, pair.label_source) if _MACHINE.search(one)), None)
    if machine is not None:
        raise BadInput(
            f"the label of '{pair.key:.80}' comes from '{machine:.80}', a model, and not from people.",
            where=f"{name}: label_source",
            next_step="Take such rows out: judges are weighed and calibrated by human labels only.",
        )
    if not pair.annotators and pair.label_source.strip().casefold() != "human":
        source = f"comes from '{pair.label_source:.80}'" if pair.label_source else "does not say whose it is"
        raise BadInput(
            f"the label of '{pair.key:.80}' {source}; it must be a person's.",
            where=f"{name}: label_source",
            next_step='Where people said so, write label_source = "human", or name them in annotators.',
        )
