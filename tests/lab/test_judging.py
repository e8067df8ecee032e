"""Judges on trial on pairs, end to end: simulated judges of known accuracy, real rules, cards signed and found again."""

import json
import random
import time

import pytest

from fairtrial.core import BadInput
from fairtrial.evaluators.contamination import text_hash
from fairtrial.formats.pairs import Pair
from fairtrial.lab import Lab
from fairtrial.lab.judging import JudgePlan, evaluate
from fairtrial.models import Budget
from fairtrial.provenance import CARD, verify

WORDS = [
    "amber",
    "birch",
    "cedar",
    "dune",
    "ember",
    "fjord",
    "grove",
    "heath",
    "islet",
    "jetty",
    "knoll",
    "lagoon",
    "marsh",
    "north",
    "oasis",
]


@pytest.fixture(scope="module")
def pairs():
    draw = random.Random(2)
    found = []
    for n in range(240):
        good, bad = (" ".join(draw.sample(WORDS, 5)) + f" {n} {side}" for side in ("yes", "no"))
        label = draw.choice("ab")
        a, b = (good, bad) if label == "a" else (bad, good)
        found.append(
            Pair(
                key=f"p{n}",
                prompts=(f"Which tree number {n}?",),
                a=(a,),
                b=(b,),
                label=label,
                model_a=draw.choice(["one", "two"]),
                model_b=draw.choice(["one", "two"]),
            )
        )
    return tuple(found)


@pytest.fixture
def lab(tmp_path):
    return Lab.create(tmp_path / "lab")


def card_of(lab, pairs, *judges, **options):
    options = {"name": "pairs.jsonl", "injections": 0} | options
    return evaluate(
        lab, pairs, [JudgePlan(**j) if isinstance(j, dict) else JudgePlan(model=j) for j in judges], **options
    )


@pytest.mark.parametrize("read", ["probabilities", "verdict"])
def test_a_judge_of_known_accuracy_is_found_to_have_it(pairs, read):
    (card,) = card_of(None, pairs, {"model": "sim/judge-0.8", "read": read}).cards
    assert card.accuracy.ci[0] < 0.8 < card.accuracy.ci[1]
    assert card.consistency.estimate == 1
    assert card.invalid == 0
    assert card.further["cost"]["calls"] == 2 * len(pairs)


def test_position_bias_shows_in_single_orders_and_not_in_the_mean(pairs):
    habit = {"model": "sim/judge-1.0", "settings": {"position": 3.0}}
    (mean,) = card_of(None, pairs, habit).cards
    (hard,) = card_of(None, pairs, habit | {"read": "verdict"}).cards
    assert mean.accuracy.estimate == 1
    assert mean.first_rate.estimate == hard.first_rate.estimate == 1
    assert mean.order_gap.estimate == 1
    assert hard.accuracy.estimate == 0.5
    assert hard.vote_ties == len(pairs)


def test_what_is_recorded_is_not_bought_again_and_gives_the_same_cards(lab, pairs):
    first = card_of(lab, pairs, "sim/judge-0.9", "heuristic/longer", injections=10)
    again = card_of(lab, pairs, "sim/judge-0.9", "heuristic/longer", injections=10)
    assert first.bought > 0
    assert again.bought == 0
    assert again.cards == first.cards
    assert again.directory == first.directory


def test_the_same_evidence_gives_the_same_bytes(lab, pairs):
    files = lambda made: {path.name: path.read_bytes() for path in made.directory.iterdir()}  # noqa: E731
    before = files(card_of(lab, pairs, "sim/judge-0.9", injections=10))
    time.sleep(1.1)
    assert files(card_of(lab, pairs, "sim/judge-0.9", injections=10)) == before


def test_an_interruption_loses_nothing(lab, pairs):
    with pytest.raises(Exception, match="budget of 100 calls"):
        card_of(lab, pairs, "sim/judge-0.9", budget=Budget(calls=100))
    rest = card_of(lab, pairs, "sim/judge-0.9")
    assert rest.bought == 2 * len(pairs) - 100


def test_cards_and_votes_are_signed_and_hold_no_text(lab, pairs):
    made = card_of(lab, pairs, "sim/judge-0.9")
    assert verify(made.directory, [lab.public_key], predicate_type=CARD).word == "TRUSTED"
    votes = [json.loads(line) for line in (made.directory / "votes.jsonl").read_text().splitlines()]
    assert [vote["id"] for vote in votes] == [pair.key for pair in pairs]
    told = json.loads((made.directory / "cards.json").read_text())
    right = [1 if v["grade"] == v["label"] else 0.5 if v["grade"] == 0 else 0 for v in votes]
    assert told["judges"][0]["accuracy"]["estimate"] == pytest.approx(sum(right) / len(right))
    everything = "".join(path.read_text() for path in made.directory.iterdir())
    assert not any(word in everything for word in WORDS)
    votes_path = made.directory / "votes.jsonl"
    votes_path.write_text(votes_path.read_text().replace('"grade": 1', '"grade": -1', 1))
    assert verify(made.directory, [lab.public_key], predicate_type=CARD).word == "TAMPERED"


def test_a_panel_beats_its_jurors_where_they_err_apart(pairs):
    jurors = [{"model": f"sim/juror{n}", "settings": {"judging": 0.75, "skill": 0.1 * n}} for n in range(1, 6)]
    *alone, panel = card_of(None, pairs, *jurors, panel="majority").cards
    assert panel.judge == "panel"
    assert panel.accuracy.estimate > max(card.accuracy.estimate for card in alone)


def test_injections_move_a_judge_that_likes_length_as_much_as_a_farewell_does(pairs):
    (card,) = card_of(None, pairs, "heuristic/longer", injections=60).cards
    found = card.further["injection"]
    assert found.success.n == found.farewell.n == 60
    assert found.success.estimate > 0.5
    (steady,) = card_of(None, pairs, "sim/judge-1.0", injections=60).cards
    assert steady.further["injection"].success.estimate < 0.1


def test_self_preference_is_told_beside_what_the_labels_say(pairs):
    (card,) = card_of(None, pairs, "heuristic/longer", own=["ON*"]).cards
    found = card.further["self_preference"]
    mixed = [p for p in pairs if {p.model_a, p.model_b} == {"one", "two"}]
    assert found.bias.n == len(mixed)
    chosen = [(p.label == "a") == (p.model_a == "one") for p in mixed]
    assert found.labels.estimate == pytest.approx(sum(chosen) / len(chosen))
    assert found.bias.estimate == pytest.approx(found.judge.estimate - found.labels.estimate)


def test_pairs_from_the_training_manifest_are_named_and_left_out(pairs):
    taught = {text_hash(f"  WHICH tree\nnumber {n}? ") for n in range(12)} | {text_hash(pairs[20].a[0])}
    (card,) = card_of(None, pairs, "sim/judge-0.8", taught=taught).cards
    found = card.further["contamination"]
    assert (found.prompts, found.answers) == (12, 1)
    assert found.keys[-1] == "p20"
    assert found.clean_accuracy.n == len(pairs) - 13


@pytest.mark.parametrize(
    ("judges", "said"),
    [
        ([], "no judge is named"),
        (["heuristic/longest"], "there is no rule"),
        (["heuristic/first", "heuristic/first"], "two judges are named"),
        (["nothing/x"], "names no known provider"),
        ([{"model": "sim/judge-0.9", "read": "tea leaves"}], "'tea leaves' is unknown"),
    ],
)
def test_judges_that_cannot_be(pairs, judges, said):
    with pytest.raises(BadInput, match=said):
        card_of(None, pairs, *judges)


def test_no_pairs_no_card():
    with pytest.raises(BadInput, match="no pairs"):
        card_of(None, (), "heuristic/first")
