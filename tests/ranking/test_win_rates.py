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
