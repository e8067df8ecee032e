"""Pairs written are pairs read, whatever they hold; what would not come back is refused and nothing is lost."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.formats import Pair, read_pairs, winner_share, write_pairs

PAIR = Pair(key="1", prompts=("q",), a=("one",), b=("two",))
CHAT = '[{"role": "assistant", "content": "x"}]'

_letters = st.characters(codec="utf-8")
_said = st.one_of(st.text(_letters, max_size=12), st.sampled_from([CHAT, '{"a": 1}', " [", "[]", "null", "\u2028\0"]))
_asked = _said.map(lambda text: text if text.strip() else f"q{text}")
_name = st.text(st.sampled_from('abZ7 -_./"\\{[é하\u0301'), max_size=8).map(str.strip)
_label = st.sampled_from(["a", "b", "tie"])
_meta = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(_letters, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_letters, max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@st.composite
def _pairs(draw: st.DrawFn) -> Pair:
    turns = draw(st.integers(1, 3))
    answers = st.lists(_said, min_size=turns, max_size=turns).map(tuple)
    a, b = draw(answers), draw(answers)
    if draw(st.booleans()):
        b = a[:-1] + b[-1:]  # one history
    if not (a[-1] or b[-1]):
        b = (*b[:-1], "two")
    said = draw(st.lists(_label, max_size=4))
    raters = [f"{draw(_name)}{n}" for n in range(len(said))] if draw(st.booleans()) else []
    label = draw(st.none() | _label)
    return Pair(
        key=draw(_name),
        prompts=tuple(draw(st.lists(_asked, min_size=turns, max_size=turns))),
        a=a,
        b=b,
        system=draw(st.just("") | _asked),
        label=label,
        label_source=draw(_name),
        annotators=tuple(said),
        raters=tuple(raters),
        model_a=draw(_name),
        model_b=draw(_name),
        language=draw(_name),
        category=draw(_name),
        probe=label is not None and draw(st.booleans()),
        meta=draw(st.dictionaries(st.text(_letters, max_size=5), _meta, max_size=3)),
    )


@settings(max_examples=60, deadline=None)
@given(drawn=st.lists(_pairs(), min_size=1, max_size=4))
def test_written_pairs_are_read_back_equal(tmp_path_factory, drawn):
    pairs = [replace(pair, key=f"{pair.key}{n}") for n, pair in enumerate(drawn)]
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    write_pairs(path, pairs)
    assert read_pairs(path) == tuple(pairs)
    assert list(path.parent.iterdir()) == [path]


def test_the_file_is_plain_where_it_can_be(tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    write_pairs(str(path), [replace(PAIR, label="a", annotators=("a",), raters=("하나",))])
    assert path.read_text(encoding="utf-8") == (
        '{"id": "1", "prompt": "q", "response_a": "one", "response_b": "two", "label": "a", "annotators": {"하나": "a"}}\n'
    )


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "the file is empty"),
        ([PAIR, PAIR], "row 2, field 'id': '1' is already the id of row 1"),
        ([replace(PAIR, prompts=(" ",))], "row 1, field 'prompt'"),
        ([replace(PAIR, a=(), b=())], "one answer a and one answer b to each message"),
        ([replace(PAIR, a=("one", "more"))], "one answer a and one answer b to each message"),
        ([replace(PAIR, model_a=" north")], "row 1: the pair '1' would not be read back"),
        ([replace(PAIR, annotators=("a", "b"), raters=("x", "x"))], "would not be read back"),
        ([replace(PAIR, annotators=("a",), raters=("x", "y"))], "would not be read back"),
        ([replace(PAIR, label="c")], "unknown label 'c'"),
        ([replace(PAIR, probe=True)], "a probe needs a label"),
        ([replace(PAIR, meta={"x": (1,)})], "would not be read back"),
        ([replace(PAIR, meta={"x": float("nan")})], "cannot be written as JSON"),
        ([replace(PAIR, meta={"x": b"1"})], "cannot be written as JSON"),
        ([replace(PAIR, a=("\ud800",))], "cannot be written as JSON"),
    ],
)  # fmt: skip
def test_what_would_not_come_back_leaves_the_old_file(tmp_path: Path, pairs: list[Pair], said: str):
    path = tmp_path / "pairs.jsonl"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        write_pairs(path, pairs)
    assert said in str(caught.value)
    assert caught.value.where.startswith(str(path))
    assert caught.value.next_step
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written(tmp_path: Path):
    with pytest.raises(BadInput, match="cannot be written"):
        write_pairs(tmp_path / "nowhere" / "pairs.jsonl", [PAIR])
    with pytest.raises(BadInput, match="JSONL only"):
        write_pairs(tmp_path / "pairs.csv", [PAIR])
    (tmp_path / "pairs.jsonl").mkdir()
    with pytest.raises(BadInput, match="cannot be written"):
        write_pairs(tmp_path / "pairs.jsonl", [PAIR])


def test_the_share_of_a_among_decided_labels():
    pairs = [replace(PAIR, label=label) for label in ("a", "b", "a", "tie", None, "a")]
    assert winner_share(pairs) == 0.75
    assert winner_share(pairs[3:5]) is None
