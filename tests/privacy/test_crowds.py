"""Raters are published in crowds of k, nothing is invented, and as little as possible is lost."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.privacy import OTHER, Crowd, suppress

COLUMNS = ["age", "region", "language"]
ROW = st.fixed_dictionaries(
    {
        "age": st.sampled_from(["20s", "30s", "40s", ""]),
        "region": st.sampled_from(["korea", "oceania", "", OTHER]),
        "language": st.sampled_from(["ko", "en"]),
        "vote": st.sampled_from(["a", "b", ""]),
    }
)
ROWS = st.lists(ROW, max_size=30)


def rows_of(*groups: tuple[int, str, str]) -> list[dict[str, str]]:
    rows = [{"age": age, "region": region} for times, age, region in groups for _ in range(times)]
    return [{"rater": f"r{i}", **row} for i, row in enumerate(rows)]


def violations(rows: list[dict[str, str]], columns: list[str], k: int, opinion: str | None) -> int:
    """A second computation, by sorting and comparing pairs: combinations that are no crowd."""
    bad = 0
    for _, group in itertools.groupby(
        sorted(rows, key=lambda r: [r[c] for c in columns]), lambda r: [r[c] for c in columns]
    ):
        members = list(group)
        told = [r[opinion] for r in members if r[opinion]] if opinion else []
        bad += len(members) < k or (bool(told) and all(vote == told[0] for vote in told))
    return bad


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, k=st.integers(1, 6), opinion=st.sampled_from([None, "vote"]))
def test_every_combination_is_a_crowd_and_nothing_is_invented(
    rows: list[dict[str, str]], k: int, opinion: str | None
) -> None:
    crowd = suppress(rows, COLUMNS, k=k, opinion=opinion)
    all_other = all(row[c] == OTHER for row in crowd.rows for c in COLUMNS)
    assert violations(crowd.rows, COLUMNS, k, opinion) == 0 or all_other
    for old, new in zip(rows, crowd.rows, strict=True):
        assert list(new) == list(old)
        assert new["vote"] == old["vote"]
        assert all(new[c] in {old[c], OTHER} for c in COLUMNS)
    lost = {c: sum(1 for o, n in zip(rows, crowd.rows, strict=True) if o[c] != n[c]) for c in COLUMNS}
    assert crowd.suppressed == lost
    if violations(rows, COLUMNS, k, opinion) == 0:
        assert crowd.rows == rows
    sizes = [sum(all(a[c] == b[c] for c in COLUMNS) for b in crowd.rows) for a in crowd.rows]
    assert crowd.smallest == min(sizes, default=0)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, k=st.integers(1, 6), opinion=st.sampled_from([None, "vote"]))
def test_doing_it_twice_changes_nothing(rows: list[dict[str, str]], k: int, opinion: str | None) -> None:
    once = suppress(rows, COLUMNS, k=k, opinion=opinion)
    again = suppress(once.rows, COLUMNS, k=k, opinion=opinion)
    assert again == Crowd(rows=once.rows, suppressed=dict.fromkeys(COLUMNS, 0), smallest=once.smallest)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=6), k=st.integers(1, 3))
def test_the_loss_is_near_the_least_possible(rows: list[dict[str, str]], k: int) -> None:
    """Against every way there is (two columns): greedy loses at most twice what must be lost."""
    columns = COLUMNS[:2]
    shapes = list(itertools.product([False, True], repeat=2))
    ways = itertools.product(shapes, repeat=len(rows))
    least = min(
        sum(row[c] != new[c] for row, new in zip(rows, released, strict=True) for c in columns)
        for way in ways
        if (
            released := [
                {c: OTHER if h else row[c] for c, h in zip(columns, hide, strict=True)}
                for row, hide in zip(rows, way, strict=True)
            ]
        )
        and (violations(released, columns, k, None) == 0 or all(r[c] == OTHER for r in released for c in columns))
    )
    assert least <= sum(suppress(rows, columns, k=k).suppressed.values()) <= 2 * least


def test_a_rare_region_costs_only_its_column() -> None:
    crowd = suppress(rows_of((6, "20s", "korea"), (3, "30s", "korea"), (2, "30s", "oceania")), ["age", "region"])
    assert crowd.suppressed == {"age": 0, "region": 5}
    assert [row["age"] for row in crowd.rows] == ["20s"] * 6 + ["30s"] * 5
    assert crowd.rows[0]["rater"] == "r0"


def test_a_large_crowd_lends_a_few_raters_and_keeps_its_bands() -> None:
    crowd = suppress(rows_of((500, "20s", "korea"), (1, "60s", "oceania")), ["age", "region"])
    assert crowd.suppressed == {"age": 5, "region": 5}
    assert crowd.smallest == 5


def test_a_crowd_that_can_spare_nobody_joins_whole_while_others_stay() -> None:
    crowd = suppress(rows_of((5, "20s", "korea"), (5, "30s", "korea"), (1, "60s", "oceania")), ["age", "region"])
    assert sum(row["age"] == OTHER for row in crowd.rows) == 6
    assert sum(row["region"] == "korea" for row in crowd.rows) == 5


def test_too_few_raters_are_all_other_and_the_result_says_so() -> None:
    crowd = suppress(rows_of((2, "20s", "korea"), (2, "30s", "oceania")), ["age", "region"])
    assert {(row["age"], row["region"]) for row in crowd.rows} == {(OTHER, OTHER)}
    assert crowd.smallest == 4


def test_a_crowd_of_one_opinion_is_not_shown() -> None:
    rows = [{"age": "20s", "vote": "a"}] * 6 + [{"age": "30s", "vote": "a"}] * 6 + [{"age": "30s", "vote": "b"}] * 6
    assert suppress(rows, ["age"]).rows == rows
    guarded = suppress(rows, ["age"], opinion="vote")
    assert violations(guarded.rows, ["age"], 5, "vote") == 0
    assert all(row["age"] == OTHER for row in guarded.rows[:6])
    assert guarded.suppressed == {"age": 7}  # one rater of the other opinion is enough


def test_it_does_not_depend_on_the_names_of_raters_or_on_chance() -> None:
    draw = random.Random(7)
    rows = [
        {"age": draw.choice(["20s", "30s", "70s"]), "region": draw.choice(["korea", "oceania", ""])} for _ in range(60)
    ]
    named = [{"rater": str(draw.random()), **row} for row in rows]
    bands = [{c: row[c] for c in ("age", "region")} for row in suppress(named, ["age", "region"], k=9).rows]
    assert bands == suppress(rows, ["age", "region"], k=9).rows


@pytest.mark.parametrize(
    ("rows", "columns", "k", "says"),
    [
        ([{"age": "20s"}], ["age", "region"], 5, "row 1: a rater has no 'region'"),
        ([{"age": "20s"}], ["age"], 0, "k: "),
        ([{"age": "20s", "rater": "x"}] * 5, ["age"], 5, "'x' has more than one row"),
        ([], list("abcdefghi"), 5, "at most 8 columns"),
    ],
)
def test_what_cannot_be_a_crowd_is_told(rows: list[dict[str, str]], columns: list[str], k: int, says: str) -> None:
    with pytest.raises(BadInput, match=says) as raised:
        suppress(rows, columns, k=k)
    assert raised.value.next_step
