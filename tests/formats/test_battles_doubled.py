"""What stands twice, follows the end, or cannot be told apart is refused or counted once, never silently."""

import gzip
import json

import numpy as np
import pytest

from fairtrial.core import BadInput
from fairtrial.formats import battles as door
from fairtrial.formats import read_battles, read_prompts
from fairtrial.formats.coding import Doubt
from fairtrial.formats.rows import top_names
from fairtrial.stats import A_WINS, B_WINS

ROW = {"model_a": "x", "model_b": "y", "winner": "tie"}
LIST = json.dumps([ROW, ROW])
HEAD = "model_a,model_b,winner"


def refused(path, text=None, **how):
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput) as caught:
        read_battles(path, **how)
    assert str(path) in caught.value.where
    assert caught.value.next_step
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LIST + LIST, "line 1, column 103: something follows the list"),
        (LIST + "\n\n" + LIST, "line 3, column 1: something follows the list"),
        (LIST + '"x"', "something follows the list"),
        (LIST + "]", "something follows the list"),
        (LIST + "\f", "something follows the list"),
        (LIST[:-1] + ",]", "row 2: not valid JSON at line 1, column 102: no row follows the comma"),
        (LIST[:-1] + " ,\n ]\n", "row 2: not valid JSON at line 1, column 103: no row follows the comma"),
        ("[,]", "row 1: not valid JSON"),
        ("[]" + LIST, "something follows the list"),
    ],
)
@pytest.mark.parametrize("name", ["v.json", "v.json.gz"])
def test_nothing_follows_a_json_list(tmp_path, text, message, name):
    raw = text.encode()
    assert message in refused(tmp_path / name, gzip.compress(raw) if name.endswith("gz") else raw)


def test_space_around_a_json_list_is_no_matter(tmp_path):
    path = tmp_path / "v.json"
    path.write_text(f" \n{LIST} \r\n\t")
    assert len(read_battles(path)) == 2


@pytest.mark.parametrize("block", [7, 64, 2**18])
def test_the_end_of_a_list_is_found_wherever_blocks_end(tmp_path, monkeypatch, block):
    monkeypatch.setattr("fairtrial.formats.lines._BLOCK", block)
    many = json.dumps([ROW] * 40)
    assert "something follows the list" in refused(tmp_path / "v.json", many + many)
    assert "no row follows the comma" in refused(tmp_path / "v.json", many[:-1] + ",]")


@pytest.mark.parametrize("key", ["winner", "model_a", "rater", "언어"])
@pytest.mark.parametrize("name", ["v.json", "v.jsonl"])
@pytest.mark.parametrize("colon", [": ", ":", " : "])
@pytest.mark.parametrize("ascii_", [True, False])
def test_a_key_that_stands_twice(tmp_path, monkeypatch, key, name, colon, ascii_):
    monkeypatch.setattr(door, "_refuse_large", lambda *_: None)
    good = json.dumps(ROW | {"rater": "r", "언어": "ko"}, ensure_ascii=ascii_, separators=(", ", colon))
    twice = f"{good[:-1]}, {json.dumps(key, ensure_ascii=ascii_)}{colon}" + '"model_a"}'
    text = f"{good}\n{twice}\n" if name == "v.jsonl" else f"[{good},\n{twice}]"
    assert f"row 2: not valid JSON: the key {key!a} stands twice in one object" in refused(
        tmp_path / name, text, by=("언어",)
    )
    with pytest.raises(Doubt, match="stands twice"):
        door._fast(tmp_path / name, name[1:], lambda names, late: door.Plan.of(names, by=("언어",), late=late))


def test_a_key_may_stand_again_in_a_nested_object(tmp_path, monkeypatch):
    rows = [ROW | {"rater": "model_a", "meta": {"winner": "x", "rater": [{"rater": 1}]}}] * 3
    monkeypatch.setattr(door, "read_rows", None)
    for name, text in (("v.json", json.dumps(rows)), ("v.jsonl", "\n".join(map(json.dumps, rows)))):
        path = tmp_path / name
        path.write_text(text)
        assert len(read_battles(path)) == 3


def test_prompts_with_a_key_twice(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "a", "prompt": "b"}')
    with pytest.raises(BadInput, match="the key 'prompt' stands twice"):
        read_prompts(path)


def test_two_columns_of_one_name_in_parquet(tmp_path, monkeypatch):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = ["model_a", "model_b", "winner", "winner"]
    path = tmp_path / "v.parquet"
    parquet.write_table(arrow.table([["x"], ["y"], ["tie"], ["model_a"]], names=names), path)
    assert "two columns of the same name: winner" in refused(path)
    monkeypatch.setattr(door, "_fast", lambda *_: (_ for _ in ()).throw(Doubt("so the test wants it")))
    assert "two columns of the same name: winner" in refused(path)


def test_names_inside_a_nested_column_are_no_columns(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = {name: [value] for name, value in ROW.items()} | {"meta": [[{"winner": 1, "model_a": {"winner": 2}}]]}
    path = tmp_path / "v.parquet"
    parquet.write_table(arrow.table(table | {"rater": ["r"]}), path)
    assert len(read_battles(path)) == 1
    assert top_names([]) == []


def ballots(name, rows):
    keys = list(rows[0])
    if name.endswith(".csv"):
        return "\n".join([",".join(keys), *(",".join(map(str, row.values())) for row in rows)])
    return "\n".join(map(json.dumps, rows))


@pytest.mark.parametrize("name", ["v.csv", "v.jsonl"])
def test_a_ballot_counts_once(tmp_path, name):
    path = tmp_path / name
    rows = [ROW | {"battle_id": f"b{k}", "rater": rater} for k in (1, 2) for rater in ("r", "s")]
    path.write_text(ballots(name, rows))
    assert len(read_battles(path)) == 4
    message = refused(path, ballots(name, [*rows, rows[1] | {"winner": "model_a"}, rows[0]]))
    assert "row 5, battle_id: rater 's' votes on battle 'b1' again, after row 2; a ballot counts once." in message
    assert "Remove the repeated row." in message


def test_ballots_that_nobody_can_tell_apart_and_both_orders_stay(tmp_path):
    path = tmp_path / "v.jsonl"
    row = ROW | {"battle_id": "b", "rater": "r"}
    for rows in (
        [ROW | {"battle_id": "b"}] * 2,
        [row | {"rater": ""}] * 2,
        [row | {"battle_id": None}] * 2,
        [row | {"order": "ab"}, row | {"order": "ba"}],
    ):
        path.write_text(ballots("v.jsonl", rows))
        assert len(read_battles(path)) == 2
    assert "after row 1" in refused(path, ballots("v.jsonl", [row | {"order": "ab"}] * 2))


def annotation(preference, **more):
    return {
        "output_1": "a",
        "generator_1": "base",
        "output_2": "b",
        "generator_2": "m",
        "preference": preference,
    } | more


def saved(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_halves_of_a_soft_preference_are_one_ballot_and_one_prompt(tmp_path):
    rows = [annotation(1.25), annotation(2), annotation(None), annotation(1.5), annotation(1.75)]
    votes = read_battles(saved(tmp_path / "a.jsonl", rows))
    assert votes.prompt is None
    assert votes.clusters("prompt").tolist() == [0, 0, 1, 2, 3, 4, 4]
    assert (len(votes), votes.ballots(), votes.excluded()) == (7, 5, {"invalid": 1})
    decided = votes.decided()
    assert (len(decided), decided.ballots()) == (6, 4)
    assert decided.clusters("prompt").tolist() == [0, 0, 1, 2, 3, 3]
    assert votes.take(votes.outcome == A_WINS).ballots() == 2
    assert votes.take(votes.outcome == B_WINS).ballots() == 3


def test_the_halves_share_an_unnamed_prompt(tmp_path):
    rows = [annotation(1.25, instruction=text) for text in ("p", "", "p", "")]
    votes = read_battles(saved(tmp_path / "a.jsonl", rows))
    assert votes.prompt.tolist() == [0, 0, 1, 1, 0, 0, 2, 2]
    assert votes.prompt_names == ("p", "", "")
    assert votes.ballots() == 4


def test_whole_preferences_are_ballots_each(tmp_path):
    votes = read_battles(
        saved(tmp_path / "a.jsonl", [annotation(1), annotation(1.5, generator_2="base"), annotation(2)])
    )
    assert votes.ballot is None
    assert votes.ballots() == len(votes) == 2
    assert votes.passed_over == {"baseline against itself": 1}
    assert votes.take(np.array([True, False])).passed_over == {}


def test_a_preference_next_to_an_end_of_the_scale_is_that_end(tmp_path):
    votes = read_battles(saved(tmp_path / "a.jsonl", [annotation(1 + 1e-12), annotation(2 - 1e-13), annotation(1.001)]))
    assert votes.outcome.tolist() == [A_WINS, B_WINS, A_WINS, B_WINS]
    assert votes.weight.tolist() == pytest.approx([1, 1, 0.999, 0.001])


def test_a_difference_that_is_not_finite(tmp_path):
    head = "model_a,model_b,winner,feature_w_a,feature_w_b\nx,y,tie,1,2\n"
    message = refused(tmp_path / "v.csv", head + "x,y,tie,1e308,-1e308\n", control=("w",))
    assert "row 2, feature_w_a: the difference of the two features, 1e+308 and -1e+308, is not finite." in message
    message = refused(tmp_path / "v.csv", head + "x,y,tie,1e308,1e308\n", control=("relative:w",))
    assert "row 2, feature_w_a" in message


def test_bare_carriage_returns_are_named(tmp_path):
    path = tmp_path / "v.csv"
    message = refused(path, f"{HEAD}\rx,y,tie\rx,y,tie\r")
    assert message.startswith(f"{path}: its line ends are bare carriage returns, from line 1 on.")
    assert "normal line ends" in message
    assert "quotation" not in message
    assert "row 2: its line ends are bare carriage returns, from line 3" in refused(
        path, f"{HEAD}\nx,y,tie\nx,y,tie\rx,y,tie"
    )


@pytest.mark.parametrize("name", ["v.csv", "v.jsonl", "v.json"])
def test_one_nul_byte_is_no_utf16(tmp_path, name):
    text = {"v.csv": f"{HEAD}\nx,y,tie\nx,y\0,tie\n", "v.json": f"[{json.dumps(ROW)},\n{{\0}}]"}.get(
        name, f"{json.dumps(ROW)}\n{{\0}}"
    )
    message = refused(tmp_path / name, text)
    line = text[: text.index("\0")].count("\n") + 1
    assert f"holds a NUL byte, which is no text: line {line}, byte {text.index(chr(0))} of the file" in message
    assert "UTF-16" not in message
    assert "looks like UTF-16" in refused(tmp_path / name, text.replace("\0", " ").encode("utf-16-le"))
