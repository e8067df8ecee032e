import csv
import os
from pathlib import Path

import numpy as np
import pytest
from vote_tables import columns, duel, joined

from fairtrial.core import BadInput, NoConclusion
from fairtrial.ranking import win_rates


def test_one_vote_a_prompt_is_a_mean_and_its_standard_error():
    found = win_rates(duel("model_a", "tie", "model_b", "model_a", "model_a"), against="b")
    values = np.array([1, 0.5, 0, 1, 1])
    assert [row.name for row in found] == ["a"]
    assert found[0].rate == pytest.approx(values.mean())
    assert found[0].se == pytest.approx(values.std(ddof=1) / np.sqrt(5))


def test_who_was_called_a_changes_nothing():
    one = win_rates(joined(duel("model_a", "tie"), duel("model_b", a="b", b="a")), against="b")
    assert one[0].rate == pytest.approx(2.5 / 3)


def test_votes_on_one_prompt_are_no_second_prompt():
    table = duel("model_a", "model_a", "model_b", "model_b")
    table["question_id"] = ["p", "p", "q", "q"]
    found = win_rates(table, against="b")[0]
    assert (found.rate, found.prompts) == (0.5, 2)
    assert found.se == pytest.approx(0.5)  # two prompts that disagree, not four votes
    assert win_rates({**table, "question_id": ["p"] * 4}, against="b")[0].se is None


def test_the_baseline_is_the_model_in_every_battle_or_must_be_named():
    table = joined(duel("model_a", b="base"), duel("tie", a="x", b="base"))
    assert {row.name for row in win_rates(table)} == {"a", "x"}
    with pytest.raises(BadInput, match="need a baseline"):
        win_rates(columns())
    with pytest.raises(BadInput, match="no model is called 'bas'") as caught:
        win_rates(table, against="bas")
    assert "base" in caught.value.next_step


def test_no_vote_against_the_baseline_is_no_evidence():
    with pytest.raises(NoConclusion, match="no evidence"):
        win_rates(joined(duel("model_a"), duel("invalid", a="x", b="y")), against="x")


def test_kinds_of_evidence_are_never_pooled():
    table = duel(*["model_a"] * 5, *["model_b"] * 5)
    table["evaluator_kind"] = ["human"] * 5 + ["judge"] * 5
    people, judge = win_rates(table, against="b"), win_rates(table, against="b", evidence="judge")
    assert (people.evidence, people[0].rate, people[0].votes) == ("human", 1.0, 5)
    assert people.excluded == {"evaluator_kind judge": 5}
    assert (judge.evidence, judge[0].rate) == ("judge", 0.0)
    machine = win_rates(table | {"evaluator_kind": ["judge"] * 10}, against="b")
    assert (machine.evidence, machine[0].rate) == ("judge", 0.5)
    with pytest.raises(BadInput, match="unknown kind of evidence"):
        win_rates(table, against="b", evidence="people")


def test_every_vote_left_out_is_counted():
    table = joined(duel("model_a", "tie (bothbad)", "abstain"), duel("model_a", "model_b", a="x", b="y"))
    found = win_rates(table, against="b")
    assert found.excluded == {"both_bad": 1, "abstain": 1, "without b": 2}
    assert found.against == "b"
    assert (len(found), [row.name for row in found], found[:1]) == (1, ["a"], found.rows)


def test_no_interval_has_zero_width():
    for winner, rate in (("model_a", 1.0), ("model_b", 0.0), ("tie", 0.5)):
        found = win_rates(duel(*[winner] * 12), against="b")[0]
        assert (found.rate, found.se) == (rate, 0.0)  # as published
        assert found.ci[0] <= rate <= found.ci[1]
        assert found.ci[1] - found.ci[0] > 0.1
    lone = win_rates(duel("model_a"), against="b")[0]
    assert (lone.se, lone.ci[1]) == (None, 1.0)
    assert lone.ci[0] < 0.1


def test_the_interval_is_that_of_prompts_and_tightens_with_them():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        won = rng.random(60) < np.repeat(rng.beta(3.5, 1.5, 20), 3)  # 70 %, prompts differ
        table = duel(*np.where(won, "model_a", "model_b")) | {"question_id": np.repeat(np.arange(20), 3)}
        low, high = win_rates(table, against="b")[0].ci
        covered += low <= 0.7 <= high
    assert covered >= 184  # of 190 expected; fewer has probability under 0.5 %
    wide, narrow = (win_rates(table, against="b", alpha=alpha)[0].ci for alpha in (0.05, 0.5))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_weights_count_once():
    table = duel("model_a", "model_b", "model_a", "model_a", "model_b", "tie")
    double = joined(table, table) | {"weight": [0.5] * 12}  # each vote in two halves
    (one,), (two,) = win_rates(table, against="b"), win_rates(double, against="b")
    assert (two.rate, two.se, *two.ci) == pytest.approx((one.rate, one.se, *one.ci))


@pytest.mark.data
def test_published_win_rates_and_standard_errors_of_alpaca_eval():
    if "FAIRTRIAL_TEST_DATA" not in os.environ:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of published benchmarks")
    folder = Path(os.environ["FAIRTRIAL_TEST_DATA"], "alpaca_eval")
    with (folder / "leaderboard_v2.csv").open(newline="") as source:
        published = {row.get("model") or row.get("") or next(iter(row.values())): row for row in csv.DictReader(source)}
    from fairtrial.ranking import as_battles

    votes = as_battles(folder / "pairwise.parquet", only={"annotator": "weighted_alpaca_eval_gpt4_turbo"})
    found = [row for row in win_rates(votes, against="gpt4_1106_preview") if row.name in published]
    assert len(found) >= 20
    for row in found:
        theirs = published[row.name]
        assert 100 * row.rate == pytest.approx(float(theirs["win_rate"]), abs=1e-6)
        assert 100 * row.se == pytest.approx(float(theirs["standard_error"]), abs=1e-6)
