"""Published shapes of battles, each in the form in which it is published."""

import csv
import json
import os
from pathlib import Path

import duckdb
import numpy as np
import pytest

from fairtrial.core import BadInput
from fairtrial.formats import file_shape, read_battles, shape_of
from fairtrial.formats.shapes import SHAPES
from fairtrial.stats import A_WINS, B_WINS, BOTH_BAD, INVALID, KINDS, TIE

JUDGE = KINDS.index("judge")


def save(path, rows):
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as target:
            writer = csv.DictWriter(target, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        lines = path.with_suffix(".lines")
        lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
        with duckdb.connect(config={"threads": 1}) as database:
            database.execute(f"copy (from read_json('{lines}')) to '{path}' (format parquet)")
    return path


def metadata(k):
    return {
        "sum_user_tokens": 9,
        "sum_assistant_a_tokens": 100 + k,
        "sum_assistant_b_tokens": 90,
        "header_count_a": {"h1": 1, "h2": k, "h3": 0, "h4": 0, "h5": 0, "h6": 0},
        "header_count_b": {"h1": 0, "h2": 0, "h3": 0, "h4": 0, "h5": 0, "h6": 0},
        "list_count_a": {"ordered": 2, "unordered": k},
        "list_count_b": {"ordered": 0, "unordered": 1},
        "bold_count_a": {"**": 3, "__": k},
        "bold_count_b": {"**": 0, "__": 0},
    }


def arena(**more):
    winners = ("model_a", "model_b", "tie", "tie (bothbad)")
    return [
        {
            "question_id": f"q{k}",
            "model_a": "x",
            "model_b": "y",
            "winner": winner,
            "judge": f"arena_user_{k % 2}",
            "conversation_a": [{"content": "Hi", "role": "user"}, {"content": "안녕", "role": "assistant"}],
            "turn": 1,
            "anony": k != 3,
            "language": "Korean" if k else "English",
            "tstamp": 1.6e9 + k,
        }
        | {name: of(k) for name, of in more.items()}
        for k, winner in enumerate(winners)
    ]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.parquet"])
def test_chatbot_arena(tmp_path, name):
    path = save(tmp_path / name, arena(conv_metadata=metadata, category_tag=lambda _: {"math": {"math": False}}))
    assert file_shape(path).name == "Chatbot Arena votes"
    votes = read_battles(path, control=("length", "relative:lists", "headings", "bold"), by=("language",))
    assert votes.outcome.tolist() == [A_WINS, B_WINS, TIE, BOTH_BAD]
    assert votes.rater.tolist() == [0, 1, 0, 1]
    assert votes.prompt.tolist() == [0, 1, 2, 3]
    assert votes.kind is None
    assert votes.features["length"].tolist() == [10, 11, 12, 13]
    assert votes.features["headings"].tolist() == [1, 2, 3, 4]
    assert votes.features["relative:lists"].tolist() == pytest.approx([1 / 3, 2 / 4, 3 / 5, 4 / 6])
    assert votes.features["bold"].tolist() == [3, 4, 5, 6]
    assert votes.labels["language"].names == ("English", "Korean")
    assert len(read_battles(path, only={"anony": "true"})) == 3


def test_arena_votes_without_counts_of_style_and_with_a_hole_in_them(tmp_path):
    path = save(tmp_path / "a.json", arena())
    with pytest.raises(BadInput, match="no column 'feature_length_a' to control for 'length'"):
        read_battles(path, control=("length",))
    rows = arena(conv_metadata=metadata)
    del rows[2]["conv_metadata"]["sum_assistant_a_tokens"]
    with pytest.raises(BadInput, match="row 3, conv_metadata: the feature is empty"):
        read_battles(save(path, rows), control=("length",))


def test_a_judge_is_a_rater_only_in_arena_files(tmp_path):
    row = {"model_a": "x", "model_b": "y", "winner": "tie", "judge": "gpt-4"}
    assert read_battles(save(tmp_path / "a.jsonl", [row])).rater is None
    assert read_battles(save(tmp_path / "a.jsonl", [row | {"tstamp": 1, "evaluator_kind": "judge"}])).rater is None
    assert read_battles(save(tmp_path / "a.jsonl", [row | {"tstamp": 1}])).rater.tolist() == [0]


def test_arena_votes_with_a_column_for_each_winner(tmp_path):
    flags = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    rows = [
        {"id": k, "model_a": "x", "model_b": "y", "prompt": '["Hi"]', "response_a": "abc", "response_b": "가"}
        | dict(zip(("winner_model_a", "winner_model_b", "winner_tie"), flag, strict=True))
        for k, flag in enumerate(flags)
    ]
    votes = read_battles(save(tmp_path / "a.csv", rows), control=("length",))
    assert votes.outcome.tolist() == [A_WINS, B_WINS, TIE]
    assert votes.features["length"].tolist() == [2, 2, 2]
    rows[1]["winner_tie"] = 1
    with pytest.raises(BadInput, match="row 2, winner_model_a: exactly one of"):
        read_battles(save(tmp_path / "a.csv", rows))
    rows[1]["winner_tie"] = 2
    with pytest.raises(BadInput, match="row 2, winner_tie: the field must hold 0 or 1"):
        read_battles(save(tmp_path / "a.csv", rows))


def annotation(preference, *, prompt="Say hi", annotator="gpt", model="m"):
    return {
        "instruction": prompt,
        "output_1": "Hello",
        "generator_1": "base",
        "output_2": "Hi",
        "generator_2": model,
        "annotator": annotator,
        "preference": preference,
    }


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.parquet"])
def test_alpaca_eval(tmp_path, name):
    preferences = (1, 2.0, 1.5, 0, None, 1.25)
    path = save(tmp_path / name, [annotation(p, prompt=f"p{k}") for k, p in enumerate(preferences)])
    assert file_shape(path).name == "AlpacaEval annotations"
    votes = read_battles(path, control=("length",))
    assert votes.names == ("base", "m")
    assert votes.outcome.tolist() == [A_WINS, B_WINS, TIE, TIE, INVALID, A_WINS, B_WINS]
    assert votes.weight.tolist() == [1, 1, 1, 1, 1, 0.75, 0.25]
    assert votes.prompt.tolist() == [0, 1, 2, 3, 4, 5, 5]
    assert set(votes.kind.tolist()) == {JUDGE}
    assert set(votes.shown_first().tolist()) == {0}
    assert votes.features["length"].tolist() == [3] * 7


@pytest.mark.parametrize(("wrong", "message"), [(3, "not 3"), (0.5, "not 0.5"), ("B", "'B' is not a finite number")])
def test_a_preference_off_the_scale(tmp_path, wrong, message):
    path = save(tmp_path / "a.json", [annotation(1.2), annotation(wrong)])
    with pytest.raises(BadInput, match=f"row 2, preference: .*{message}"):
        read_battles(path)


def test_rows_of_soft_preferences_keep_their_numbers(tmp_path):
    path = save(tmp_path / "a.json", [annotation(1.2), annotation(1.3), annotation(1, model=7)])
    with pytest.raises(BadInput, match="row 3, generator_2: a model name must be text, not int"):
        read_battles(path)


def test_judges_are_not_mixed(tmp_path):
    path = save(tmp_path / "a.json", [annotation(1, annotator="one"), annotation(2, annotator="two")])
    with pytest.raises(BadInput, match="verdicts of 2 judges, which are not mixed: one, two") as caught:
        read_battles(path)
    assert "--where annotator=one" in caught.value.next_step
    assert read_battles(path, only={"annotator": "two"}).outcome.tolist() == [B_WINS]


def test_the_baseline_tied_with_itself_is_passed_over_but_never_beats_itself(tmp_path):
    rows = [annotation(1.5, model="base"), annotation(1.2), annotation(1)]
    votes = read_battles(save(tmp_path / "a.json", rows))
    assert votes.outcome.tolist() == [A_WINS, B_WINS, A_WINS]
    rows[0]["preference"] = 1.7
    with pytest.raises(BadInput, match="row 1, generator_2: 'base' battles against itself"):
        read_battles(save(tmp_path / "a.json", rows))


def test_mt_bench_votes(tmp_path):
    rows = [
        {"question_id": 81, "model_a": "x", "model_b": "y", "winner": "model_a", "judge": judge, "turn": 1}
        for judge in ("author_2", ["author_2"], "expert_1", "gpt4_pair")
    ]
    votes = read_battles(save(tmp_path / "a.jsonl", rows), by=("turn",))
    assert votes.kind.tolist() == [-1, -1, -1, JUDGE]
    assert votes.labels["turn"].names == ("1",)
    assert len(read_battles(tmp_path / "a.jsonl", only={"judge": "author_2"})) == 2
    assert file_shape(tmp_path / "a.jsonl").name == "MT-Bench votes"


def test_mt_bench_pairs(tmp_path):
    cases = {
        ("model_1", "model_1"): A_WINS,
        ("model_2", "model_2"): B_WINS,
        ("tie", "tie"): TIE,
        ("model_1", "model_2"): TIE,
        ("model_1", "tie"): TIE,
        ("error", "error"): INVALID,
        ("model_1", "error"): INVALID,
    }
    rows = [
        {"question_id": 81, "model_1": "x", "model_2": "y", "g1_winner": one, "g2_winner": two, "turn": 1}
        | {"judge": ["gpt-4", "pair-v2" if k else "pair-math-v1"]}
        for k, (one, two) in enumerate(cases)
    ]
    votes = read_battles(save(tmp_path / "a.jsonl", rows))
    assert votes.outcome.tolist() == list(cases.values())
    assert set(votes.kind.tolist()) == {JUDGE}
    assert set(votes.shown_first().tolist()) == {0}
    rows[3]["g2_winner"] = "Model_2"
    with pytest.raises(BadInput, match=r"row 4, g2_winner: 'Model_2' is not a known label.*Did you mean 'model_2'"):
        read_battles(save(tmp_path / "a.jsonl", rows))
    with pytest.raises(BadInput, match="verdicts of 2 judges"):
        read_battles(save(tmp_path / "a.jsonl", [rows[0], rows[1] | {"judge": ["claude-v1", "pair-v2"]}]))


def test_left_and_right(tmp_path):
    rows = [
        {"id": 0, "prompt": p, "model_x": 1, "model_y": 2, "worker": w, "winner": v, "left": "x", "right": "y"}
        for p, w, v in ((1, 5, "left"), (1, 6, "right"), (2, 5, "tie"))
    ]
    votes = read_battles(save(tmp_path / "a.csv", rows))
    assert votes.outcome.tolist() == [A_WINS, B_WINS, TIE]
    assert votes.rater.tolist() == [0, 1, 0]
    assert votes.prompt.tolist() == [0, 0, 1]
    assert votes.shown_first().tolist() == [1, 1, 1]
    rows[1]["winner"] = "model_a"
    with pytest.raises(BadInput, match="row 2, winner: 'model_a' is not a known label.*Known labels: left, right, tie"):
        read_battles(save(tmp_path / "a.csv", rows))
    rows[1] |= {"winner": "tie", "left": ""}
    with pytest.raises(BadInput, match="row 2, left: the model name is empty"):
        read_battles(save(tmp_path / "a.csv", rows))


def test_every_shape_is_told_by_its_own_signs():
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)
    for shape in SHAPES:
        assert shape_of({*shape.signs, *list(shape.some)[:1]}) is shape
    assert shape_of(["anything"]).name == "battles, one row a vote"


def published(*parts):
    place = os.environ.get("FAIRTRIAL_TEST_DATA")
    if not place:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of published benchmarks")
    return Path(place, *parts)


@pytest.mark.data
def test_the_crowd_votes_of_llmfao():
    votes = read_battles(published("llmfao", "crowd-comparisons.csv.gz"))
    assert len(votes) == 8931
    assert len(np.unique(votes.rater)) == 124
    assert len(np.unique(votes.prompt)) == 13
    assert len(votes.names) == 59


@pytest.mark.data
def test_the_samples_of_evalica():
    votes = read_battles(published("evalica_samples", "food.csv"))
    assert len(votes) == 30
    assert votes.names == ("Burger", "Pasta", "Pizza", "Sushi", "Tacos")


@pytest.mark.data
def test_win_rates_of_alpaca_eval_are_the_published_ones():
    file = published("alpaca_eval", "pairwise.parquet")
    with pytest.raises(BadInput, match="verdicts of 5 judges"):
        read_battles(file)
    votes = read_battles(file, only={"annotator": "weighted_alpaca_eval_gpt4_turbo"}, by=("dataset",))
    with published("alpaca_eval", "leaderboard_v2.csv").open(newline="") as source:
        want = {row["model"]: float(row["win_rate"]) / 100 for row in csv.DictReader(source)}
    share = {B_WINS: 1.0, TIE: 0.5, A_WINS: 0.0}
    credit = np.array([share[code] for code in range(3)])
    checked = 0
    for k, name in enumerate(votes.names):
        own = votes.b == k
        if own.any() and name in want:
            found = np.average(credit[votes.outcome[own]], weights=votes.weight[own])
            assert found == pytest.approx(want[name], abs=1e-7)
            checked += 1
    assert checked >= 20
    assert len(votes.labels["dataset"].names) == 5
