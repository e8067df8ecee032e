import numpy as np
import pytest
from oracles import rich
from vote_tables import columns, duel, joined

from fairtrial import rank
from fairtrial.core import BadInput, NoConclusion

LABELS = np.array(["model_b", "tie", "model_a"])


def table_of(votes):
    """Battles as the columns of a file."""
    names = np.array(votes.names)
    table = {
        "model_a": names[votes.a].tolist(),
        "model_b": names[votes.b].tolist(),
        "winner": LABELS[votes.outcome].tolist(),
        "question_id": [f"q{k}" for k in votes.prompt],
        "rater": [f"r{k}" for k in votes.rater],
        "order": [["ab", "ba", "both", None][k] for k in votes.order],
    }
    for name, values in votes.features.items():
        table |= {f"feature_{name}_a": values.clip(0), f"feature_{name}_b": (-values).clip(0)}
    return table


def truth(size=5):
    return 1000 + 400 / np.log(10) * np.linspace(0.8, -0.8, size)


CONTROLS = ("length", "tone", "position")


def test_planted_effects_are_found_and_the_raw_board_stands_beside():
    # A peer's default shrinks these effects to an eighth of what they are (notes/arena.md, fact 3).
    votes = rich(31, votes=12_000, raters=300, prompts=400)
    board = rank(table_of(votes), control=CONTROLS, ties="half")
    for name, unit in (("length", 1.0), ("tone", 100.0), ("position", 1.0)):
        effect = board.controls[name]
        low, high = (end * unit for end in effect["ci"])
        assert 0.2 < effect["coef"] * unit < 0.35  # planted on a latent scale, 0.3; ties shorten it a little
        assert high - low < 0.15
        assert low > 0
    assert board.controls["length"]["points_per_sd"] == pytest.approx(
        board.controls["length"]["coef"] * np.sqrt(np.mean(votes.features["length"] ** 2)) * 400 / np.log(10)
    )
    assert board.raw is not None
    assert board.raw.controls == {}
    assert board.raw.fit["control"] == []
    assert board.raw.raw is None
    assert board.fit["control"] == list(CONTROLS)
    # Stronger models write more here: what length wins belongs to them on the raw board alone.
    controlled, raw = (b.models[0].rating - b.models[-1].rating for b in (board, board.raw))
    assert raw > controlled + 10


def test_without_tastes_effects_and_ratings_are_the_planted_ones():
    rng = np.random.default_rng(5)
    votes, theta = 30_000, np.linspace(0.8, -0.8, 5)
    a = rng.integers(0, 5, votes)
    b = (a + 1 + rng.integers(0, 4, votes)) % 5
    x = rng.normal(0, 1, votes) + theta[a] - theta[b]
    first = rng.integers(0, 2, votes)
    d = theta[a] - theta[b] + 0.4 * x + 0.25 * (2 * first - 1)
    won = rng.random(votes) < 1 / (1 + np.exp(-d))
    board = rank(
        {
            "model_a": [f"m{k}" for k in a],
            "model_b": [f"m{k}" for k in b],
            "winner": np.where(won, "model_a", "model_b").tolist(),
            "order": np.where(first, "ab", "ba").tolist(),
            "feature_x_a": x,
            "feature_x_b": np.zeros(votes),
        },
        control=("x", "position"),
    )
    # 3.5 standard errors at most: both, and all five ratings, at 0.3 %.
    for name, effect in (("x", 0.4), ("position", 0.25)):
        found = board.controls[name]
        assert abs(found["coef"] - effect) < 3.5 / 1.96 * (found["ci"][1] - found["coef"])
    for model, want in zip(sorted(board.models, key=lambda m: m.name), truth(), strict=True):
        assert abs(model.rating - want) < 3.5 / 1.96 * (model.ci[1] - model.rating)
    raw = sorted(board.raw.models, key=lambda m: m.name)
    assert raw[0].rating > truth()[0] + 30  # the longer answers of the stronger model


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (lambda t: np.ones(len(t["winner"])), "'x' never differs"),
        (lambda t: t["feature_length_a"] - t["feature_length_b"] + 1, "'x' is determined by length"),
        (lambda t: np.array([float(m[1]) for m in t["model_a"]]), "which models battle"),
    ],
    ids=["constant", "duplicate", "of the models"],
)
def test_effects_that_cannot_be_told_apart_are_refused_by_name(feature, words):
    table = table_of(rich(32))
    own = feature(table)
    other = np.array([float(m[1]) for m in table["model_b"]]) if "which" in words else np.ones(len(own))
    with pytest.raises(BadInput, match=words) as caught:
        rank(table | {"feature_x_a": own, "feature_x_b": other}, control=("length", "x"))
    assert caught.value.where == "control"


def test_an_order_always_both_is_refused():
    table = table_of(rich(32))
    with pytest.raises(BadInput, match="'position' never differs"):
        rank(table | {"order": ["both"] * len(table["winner"])}, control=("position",))


def test_separation_is_refused_by_name_and_not_hidden_by_a_prior():
    # A peer's prior gives a finite effect whose size is the prior's.
    table = table_of(rich(33))
    lead = np.array([{"model_a": 1.0, "tie": 0.0, "model_b": -1.0}[w] for w in table["winner"]])
    sure = {"feature_sure_a": lead.clip(0), "feature_sure_b": (-lead).clip(0)}
    with pytest.raises(NoConclusion, match="'sure' with the models' strengths predicts every vote") as caught:
        rank(table | sure, control=("length", "sure"))
    assert caught.value.exit_code == 3
    first = joined(duel(*["model_a"] * 9), duel(*["model_a"] * 9, a="b", b="a"))
    with pytest.raises(NoConclusion, match="'position' with"):
        rank(first, control=("position",))


def test_an_effect_that_rests_on_one_prompt_has_no_interval():
    # Its score there is 0 at the estimate, so the sandwich would print the effect as certain.
    table = table_of(rich(34))
    lone = np.where(np.array(table["question_id"]) == "q3", table["feature_tone_a"], 0.0)
    with pytest.raises(BadInput, match="the effect of 'lone' rests on only one prompt"):
        rank(table | {"feature_lone_a": lone, "feature_lone_b": 0 * lone}, control=("length", "lone"))


@pytest.mark.parametrize("unit", [1e6, 1e-6])
@pytest.mark.parametrize("ties", ["davidson", "half", "rao-kupper"])
def test_the_unit_of_a_feature_changes_only_its_coefficient(unit, ties):
    table = table_of(rich(35))
    one = rank(table, control=CONTROLS, ties=ties)
    scaled = {f"feature_length_{side}": table[f"feature_length_{side}"] * unit for side in "ab"}
    two = rank(table | scaled, control=CONTROLS, ties=ties)
    for ours, theirs in zip(one.models, two.models, strict=True):
        assert (ours.name, ours.rank_set, ours.tier) == (theirs.name, theirs.rank_set, theirs.tier)
        assert ours.rating == pytest.approx(theirs.rating, abs=1e-6)
        assert ours.ci == pytest.approx(theirs.ci, abs=1e-5)
    for name in CONTROLS:
        factor = unit if name == "length" else 1
        assert two.controls[name]["coef"] * factor == pytest.approx(one.controls[name]["coef"], rel=1e-7)
        assert np.array(two.controls[name]["ci"]) * factor == pytest.approx(one.controls[name]["ci"], rel=1e-5)
        assert two.controls[name]["points_per_sd"] == pytest.approx(one.controls[name]["points_per_sd"], rel=1e-7)


def test_which_answer_is_called_a_changes_nothing():
    votes = rich(36)
    table = table_of(votes)
    swap = {
        "model_a": "model_b",
        "model_b": "model_a",
        "tie": "tie",
        "ab": "ba",
        "ba": "ab",
        "both": "both",
        None: None,
    }
    other = dict(table)
    for one, two in (
        ("model_a", "model_b"),
        ("feature_length_a", "feature_length_b"),
        ("feature_tone_a", "feature_tone_b"),
    ):
        other[one], other[two] = table[two], table[one]
    for name in ("winner", "order"):
        other[name] = [swap[value] for value in table[name]]
    half = np.arange(len(votes)) % 3 == 0  # only some: a covariate's mean is then another
    mixed = {name: [b if h else a for a, b, h in zip(table[name], other[name], half, strict=True)] for name in table}
    one, two = rank(table, control=CONTROLS), rank(mixed, control=CONTROLS)
    for ours, theirs in zip(one.models, two.models, strict=True):
        assert ours.rating == pytest.approx(theirs.rating, abs=1e-7)
        assert ours.ci == pytest.approx(theirs.ci, abs=1e-6)
    for name in CONTROLS:
        for key, value in one.controls[name].items():
            assert two.controls[name][key] == pytest.approx(value, rel=1e-8), (name, key)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "long", ""])
def test_a_feature_that_is_no_number_names_its_row(value):
    table = columns(votes=50)
    own = [1.0] * 49 + [value]
    with pytest.raises(BadInput) as caught:
        rank(table | {"feature_x_a": own, "feature_x_b": [0.0] * 50}, control=("x",))
    assert "row 50, feature_x_a" in caught.value.where


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_same_in_an_array(value):
    own = np.linspace(0, 1, 50)
    own[7] = value
    with pytest.raises(BadInput) as caught:
        rank(columns(votes=50) | {"feature_x_a": own, "feature_x_b": np.zeros(50)}, control=("x",))
    assert "row 8, feature_x_a" in caught.value.where


def test_a_group_that_a_control_cannot_serve_is_refused_alone():
    # Four votes between x and y, all with the same feature, must not silence the board of the others.
    table = columns(votes=600)
    x = np.random.default_rng(1).normal(size=604)
    x[600:] = 1.0
    both = joined(table, duel("model_a", "model_b", "tie", "model_a", a="x", b="y"))
    board = rank(both | {"feature_l_a": x, "feature_l_b": np.zeros(604)}, control=("l",))
    assert any("No rating of 'x', 'y'" in text and "'l'" in text for text in board.refusals)
    assert any({d.a, d.b} == {"m0", "m3"} for d in board.differences)
