"""Judges on trial on pairs, end to end: simulated judges of known accuracy, real rules, cards signed and found again."""

import json
import math
import random
import time
from dataclasses import replace

import pytest

from fairtrial.core import BadInput, FairtrialError
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


@pytest.fixture(scope="module")
def people(pairs):
    """Half of the pairs, with labels of people, to learn from; the other half is judged."""
    return tuple(replace(pair, label_source="human") for pair in pairs[120:])


JURORS = [
    {"model": f"sim/juror{n}", "settings": {"judging": q, "skill": 0.1 * n}} for n, q in ((1, 0.9), (2, 0.5), (3, 0.55))
]


def test_a_juror_that_people_contradict_weighs_less_and_the_panel_is_as_good_as_its_best(pairs, people):
    *alone, flat = card_of(None, pairs[:120], *JURORS, panel="majority").cards
    *_, panel = card_of(None, pairs[:120], *JURORS, panel="majority", weigh_by=("people", people)).cards
    found = panel.further["weights"]
    assert [juror.name for juror in found.jurors] == [card.judge for card in alone]
    best, *rest = [juror.weight for juror in found.jurors]
    assert best > sum(rest)
    assert panel.accuracy == alone[0].accuracy
    assert panel.accuracy.estimate > flat.accuracy.estimate
    assert panel.evaluator != flat.evaluator
    assert (found.pairs, found.shared) == (120, 0)


def test_other_labels_make_another_panel_and_the_same_ones_the_same(pairs, people):
    panel = lambda some: card_of(None, pairs[:9], *JURORS, panel="majority", weigh_by=("people", some)).cards[-1]  # noqa: E731
    ids = [panel(some).evaluator for some in (people, people[::-1], people[:100])]
    assert ids[0] == ids[1] != ids[2]


def test_what_teaches_is_never_what_is_judged(pairs, people):
    both = tuple(replace(pair, label_source="human") for pair in pairs)
    (judge, panel, *_), options = ("sim/judge-0.8", "sim/juror"), {"panel": "majority", "weigh_by": ("both", both)}
    jurors = [judge, {"model": panel, "settings": {"judging": 0.7, "skill": 0.1}}]
    found = card_of(None, pairs[:100], *jurors, **options).cards[-1].further["weights"]
    assert (found.shared, found.pairs) == (100, 140)
    with pytest.raises(BadInput, match="all 240 labelled pairs are among the others"):
        card_of(None, pairs, *jurors, **options)
    with pytest.raises(BadInput, match="so nothing can be learned"):
        card_of(None, pairs[:100], *jurors, **options, calibrate_by=("people", people))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weigh_by": "p"}, "by majority"),
        ({"weigh_by": "p", "panel": "median"}, "by majority"),
        ({"weigh_by": "machine", "panel": "majority"}, "a model, and not from people"),
        ({"calibrate_by": "nobody"}, "does not say whose it is"),
        ({"calibrate_by": "few"}, "2 prompts with a label and a valid vote are too few"),
        ({"weigh_by": "coins", "panel": "majority"}, "no juror is right more often than not"),
    ],
)
def test_labels_that_nothing_can_be_learned_from(pairs, people, options, said):
    turned = tuple(replace(pair, a=pair.b, b=pair.a) for pair in people)
    files = {
        "p": people,
        "machine": tuple(replace(pair, label_source="gpt-4") for pair in people),
        "nobody": pairs[120:],
        "few": people[:2],
        "coins": tuple(replace(p, label="ab"[n % 2]) for n, p in enumerate(turned)),
    }
    named = {key: (value, files[value]) if value in files else value for key, value in options.items()}
    with pytest.raises(FairtrialError, match=said):
        card_of(None, pairs[:20], "heuristic/first", "heuristic/overlap", **named)


def test_an_overconfident_judge_is_calibrated_and_stays_as_it_is_beside(lab, pairs, people):
    judge = {"model": "sim/judge-0.8", "settings": {"judging": 0.8, "conviction": 6.0}}
    own, calibrated = (made := card_of(lab, pairs[:120], judge, calibrate_by=("people", people))).cards
    assert calibrated.judge == f"{own.judge} calibrated"
    assert calibrated.evaluator != own.evaluator
    assert calibrated.accuracy == own.accuracy
    assert calibrated.forecast.log_loss.estimate < own.forecast.log_loss.estimate
    assert calibrated.forecast.calibration_error.estimate < own.forecast.calibration_error.estimate
    found = calibrated.further["calibration"]
    assert found.log_loss_change.ci[1] < 0
    assert 1 / (1 + math.exp(-found.slope * 6)) == pytest.approx(0.8, abs=0.1)
    assert made.bought == 2 * len(pairs), "what is calibrated is not bought again"
    votes = [json.loads(line) for line in (made.directory / "votes.jsonl").read_text().splitlines()][120:]
    brier = sum((v["detail"]["p_a"] - (1 + v["label"]) / 2) ** 2 for v in votes) / 120
    assert calibrated.forecast.brier.estimate == pytest.approx(brier)
    assert verify(made.directory, [lab.public_key], predicate_type=CARD).word == "TRUSTED"
    assert not any(word in (made.directory / "cards.json").read_text() for word in WORDS)


def test_the_calls_behind_calibration_are_budgeted_and_recorded(lab, pairs, people):
    with pytest.raises(Exception, match="budget of 100 calls"):
        card_of(lab, pairs[:120], "sim/judge-0.9", calibrate_by=("people", people), budget=Budget(calls=100))
    assert card_of(lab, pairs[:120], "sim/judge-0.9", calibrate_by=("people", people)).bought == 2 * len(pairs) - 100


@pytest.mark.parametrize(
    ("settings", "kind"), [({"read": "verdict"}, "verdicts"), ({"read": "verdict", "repeats": 3}, "repeats")]
)
def test_judges_without_probabilities_get_some(pairs, people, settings, kind):
    own, calibrated = card_of(
        None, pairs[:120], {"model": "sim/judge-0.8", **settings}, calibrate_by=("p", people)
    ).cards
    assert own.forecast is None
    assert calibrated.further["calibration"].signal == kind
    assert calibrated.further["calibration"].before is None
    assert calibrated.forecast.log_loss.ci[1] < math.log(2)


def test_a_weighted_panel_is_calibrated_on_yet_other_labels(pairs, people):
    *_, panel, _, _, _, calibrated = card_of(
        None, pairs[:60], *JURORS, panel="majority", weigh_by=("w", people[:60]), calibrate_by=("c", people[60:])
    ).cards
    assert calibrated.judge == "panel calibrated"
    assert calibrated.further["calibration"].signal == "jurors"
    assert calibrated.forecast is not None
    assert panel.forecast is None


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
