"""Gaps between languages: found where they were planted, not found where they were not, intervals that hold."""

import numpy as np

from fairtrial.arena.disparities import disparities
from fairtrial.ranking import rank

NAMES = tuple("abcdef")


def simulated(rng: np.random.Generator, votes: int, korean_bonus: float) -> dict[str, list]:
    columns: dict[str, list] = {
        name: [] for name in ("model_a", "model_b", "winner", "order", "language", "rater", "question_id")
    }
    strength = dict(zip(NAMES, np.linspace(-0.5, 0.5, len(NAMES)), strict=True))
    for k in range(votes):
        language = ("en", "ko")[k % 2]
        a, b = sorted(rng.choice(NAMES, 2, replace=False))
        order = ("ab", "ba")[rng.integers(2)]
        gain = {n: strength[n] + korean_bonus * (n == "c" and language == "ko") for n in (a, b)}
        push = 0.2 * (1 if order == "ab" else -1)
        winner = "model_a" if rng.random() < 1 / (1 + np.exp(-(gain[a] - gain[b] + push))) else "model_b"
        row = (a, b, winner, order, language, f"r{rng.integers(80)}{language}", f"q{k}")
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
    return columns


def table(columns):
    def board_of(language):
        kept = [k for k, value in enumerate(columns["language"]) if value == language]
        return rank({name: [column[k] for k in kept] for name, column in columns.items()}, evidence="human", draws=200)

    return disparities(columns, board_of)


def test_a_planted_gap_is_found_and_the_first_position_is_seen():
    rows, gaps = table(simulated(np.random.default_rng(5), 6000, 1.5))
    assert [row.language for row in rows] == ["en", "ko"]
    assert all(row.first[1] <= row.first[0] <= row.first[2] for row in rows)
    assert all(row.first[1] > 0.5 for row in rows)
    worse = [gap for gap in gaps if gap.verdict in ("better", "worse")]
    assert next(gap for gap in gaps if gap.contestant == "c") in worse
    planted = next(gap for gap in gaps if gap.contestant == "c")
    assert planted.verdict == "worse"  # in English
    points = 400 / np.log(10) * 1.5
    assert planted.ci[0] < -points * 5 / 6 < planted.ci[1]


def test_without_a_gap_the_whole_table_is_false_in_at_most_a_few_of_many_runs():
    false = sum(
        any(gap.verdict in ("better", "worse") for gap in table(simulated(np.random.default_rng(s), 1500, 0.0))[1])
        for s in range(40)
    )
    assert false <= 6  # 5 % wanted; 7 or more of 40 has probability 0.3 % at that


def test_a_language_with_few_votes_is_left_out_and_one_without_a_scale_says_why():
    columns = simulated(np.random.default_rng(2), 200, 0.0)
    columns["language"] = ["ko" if k < 20 else "en" for k in range(200)]
    rows, gaps = table(columns)
    assert [row.language for row in rows] == ["en"]
    assert gaps == []
    islands = {name: column[:40] for name, column in columns.items()}
    islands["model_a"], islands["model_b"] = ["a"] * 20 + ["c"] * 20, ["b"] * 20 + ["d"] * 20
    islands["language"] = ["en"] * 40
    (row,), _ = table(islands)
    assert row.ratings == {} or len(row.ratings) < 4
