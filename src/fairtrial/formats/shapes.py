"""The shapes in which battles are published, as a table: columns that give a shape away, and what they mean here.

Read `shape_of` first. A shape changes names and labels only; what its labels do not say stays unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fairtrial.formats.coding import Kind, Want
from fairtrial.formats.verdicts import LEFT_RIGHT, BothOrders, Flags, Named, Preference, Reading
from fairtrial.stats import OPTIONAL, REQUIRED

Pair = tuple[Want, Want]
"""Where a feature of A and of B is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A published form of battles."""

    name: str
    """As people read it: "read as …"."""
    signs: frozenset[str]
    """Columns that are all there."""
    some: frozenset[str] = frozenset()
    """Columns of which one is there."""
    without: frozenset[str] = frozenset()
    """Columns that are not."""
    sources: Mapping[str, tuple[str, ...]]
    """Our column to theirs, the first that is there."""
    winner: Reading
    fixed: Mapping[str, str | None] = field(default_factory=dict)
    """Our columns that hold one label throughout; None is unknown."""
    features: Mapping[str, Pair] = field(default_factory=dict)
    """Feature to where it is read. Columns ``feature_NAME_a`` and ``_b`` work everywhere."""
    judges: str = ""
    """The column that names machine judges. Votes of different judges are not mixed."""
    mirror: bool = False
    """Whether its files hold the baseline tied with itself, row by row. Such rows are passed over."""
    machines: str = ""
    """How the names of machines among its raters begin."""

    def fits(self, names: Iterable[str]) -> bool:
        """Whether columns of these names have this shape."""
        found = set(names)
        return self.signs <= found and not self.without & found and (not self.some or bool(self.some & found))


PROMPT_NAMES = ("question_id", "prompt_id", "prompt", "question", "item")
"""Names under which files often have the prompt, in the order in which they are tried."""
RATER_NAMES = ("rater", "user", "user_id", "annotator")
_OWN = {name: (name,) for name in (*REQUIRED, *OPTIONAL)} | {"question_id": PROMPT_NAMES, "rater": RATER_NAMES}


def _counts(key: str) -> Pair:
    return (Want("conv_metadata", Kind.COUNT, key.format("a")), Want("conv_metadata", Kind.COUNT, key.format("b")))


BATTLES = Shape(
    name="battles, one row a vote",
    signs=frozenset(REQUIRED),
    sources=_OWN,
    winner=Named("winner"),
)
ARENA = Shape(
    name="Chatbot Arena votes",
    signs=frozenset(REQUIRED),
    some=frozenset({"anony", "tstamp", "conv_metadata", "conversation_a", "full_conversation"}),
    without=frozenset({"evaluator_kind"}),
    sources=_OWN | {"rater": (*RATER_NAMES, "judge", "judge_hash")},
    winner=Named("winner"),
    features={
        "length": _counts("sum_assistant_{}_tokens"),
        "headings": _counts("header_count_{}"),
        "lists": _counts("list_count_{}"),
        "bold": _counts("bold_count_{}"),
    },
)
MT_BENCH_VOTES = Shape(
    name="MT-Bench votes",
    signs=frozenset({*REQUIRED, "question_id", "judge", "turn"}),
    without=frozenset({"evaluator_kind", "anony", "tstamp", "conv_metadata"}),
    sources=_OWN | {"rater": ("judge",)},
    winner=Named("winner"),
    machines="gpt",
)
MT_BENCH_PAIRS = Shape(
    name="MT-Bench pair verdicts of a judge, both orders",
    signs=frozenset({"model_1", "model_2", "g1_winner", "g2_winner"}),
    sources={"model_a": ("model_1",), "model_b": ("model_2",), "question_id": ("question_id",)},
    winner=BothOrders("g1_winner", "g2_winner"),
    fixed={"order": "both", "evaluator_kind": "judge"},
    judges="judge",
)
ALPACA_EVAL = Shape(
    name="AlpacaEval annotations",
    signs=frozenset({"generator_1", "generator_2", "preference"}),
    sources={
        "model_a": ("generator_1",),
        "model_b": ("generator_2",),
        "question_id": ("prompt_id", "instruction"),
    },
    winner=Preference("preference"),
    fixed={"order": None, "evaluator_kind": "judge"},
    features={"length": (Want("output_1", Kind.LENGTH), Want("output_2", Kind.LENGTH))},
    judges="annotator",
    mirror=True,
)
ALPACA_TABLE = Shape(
    name="AlpacaEval preferences",
    signs=frozenset({"model_a", "model_b", "preference"}),
    without=frozenset({"winner"}),
    sources={"model_a": ("model_a",), "model_b": ("model_b",), "question_id": (*PROMPT_NAMES, "instruction")},
    winner=Preference("preference"),
    fixed={"order": None, "evaluator_kind": "judge"},
    features={"length": (Want("len_a", Kind.NUMBER), Want("len_b", Kind.NUMBER))},
    judges="annotator",
    mirror=True,
)
LEFT_OR_RIGHT = Shape(
    name="left/right comparisons (llmfao, evalica)",
    signs=frozenset({"left", "right", "winner"}),
    without=frozenset({"model_a", "model_b"}),
    sources=_OWN | {"model_a": ("left",), "model_b": ("right",), "rater": (*RATER_NAMES, "worker"), "order": ()},
    winner=Named("winner", LEFT_RIGHT),
    fixed={"order": "ab"},
)
FLAGGED = Shape(
    name="Chatbot Arena votes with a column for each winner",
    signs=frozenset({"model_a", "model_b", "winner_model_a", "winner_model_b", "winner_tie"}),
    without=frozenset({"winner"}),
    sources={name: names for name, names in _OWN.items() if name != "winner"},
    winner=Flags("winner_model_a", "winner_model_b", "winner_tie"),
    features={"length": (Want("response_a", Kind.LENGTH), Want("response_b", Kind.LENGTH))},
)
SHAPES = (MT_BENCH_PAIRS, ALPACA_EVAL, ALPACA_TABLE, LEFT_OR_RIGHT, FLAGGED, MT_BENCH_VOTES, ARENA, BATTLES)
"""In the order in which they are tried."""


def shape_of(names: Iterable[str]) -> Shape:
    """The shape of battles with columns of these names; `BATTLES` where none is recognised."""
    found = set(names)
    return next((shape for shape in SHAPES if shape.fits(found)), BATTLES)
