"""`fairtrial rank`: every option, what it prints where, what it saves, and what it refuses."""

import csv
import json
import random
from pathlib import Path

import pytest
from command_line import Command, Said

from fairtrial.cli.ranking import Request, pairs
from fairtrial.core import BadInput
from fairtrial.lab import Lab
from fairtrial.runs import parse_trial

STRENGTH = {"a": 1.2, "b": 0.6, "c": 0.0, "d": -1.0}


def write_votes(path: Path, count: int = 400, **fixed: object) -> Path:
    """Votes of nine people on thirty prompts in two languages."""
    dice = random.Random(5)
    rows = []
    for _ in range(count):
        a, b = dice.sample(list(STRENGTH), 2)
        gap = STRENGTH[a] - STRENGTH[b] + dice.gauss(0, 1)
        winner = "tie" if abs(gap) < 0.3 else "model_a" if gap > 0 else "model_b"
        prompt = dice.randrange(30)
        row = {"model_a": a, "model_b": b, "winner": winner, "question_id": prompt, "rater": f"r{dice.randrange(9)}"}
        row |= {"language": ("en", "ko")[prompt % 2], "grade": {"model_a": 1, "tie": 0, "model_b": -1}[winner]}
        row |= {"order": dice.choice(("ab", "ba")), "feature_length_a": dice.randrange(99), "feature_length_b": 50}
        rows.append(row | fixed)
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)
    return path


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    return write_votes(tmp_path / "v.csv")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Lab.create(tmp_path_factory.mktemp("cli") / "lab")
    trial = {
        "name": "cli", "prompts": "builtin:starter", "limit": 12, "select": {"referenced": True},
        "contestant": [{"name": "x", "model": "sim/skill-0.8"}, {"name": "y", "model": "sim/skill-0.3"}],
        "evaluator": [
            {"kind": "scorer"},
            {"kind": "judge", "model": "sim/judge-0.9", "name": "one"},
            {"kind": "judge", "model": "sim/judge-0.7", "name": "two"},
        ],
    }  # fmt: skip
    made.run(made.plan(parse_trial(trial)))
    return made.path


def board_of(said: Said) -> dict:
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_text_goes_to_stdout_and_how_it_was_read_to_stderr(fairtrial: Command, votes: Path) -> None:
    said = fairtrial("rank", votes)
    assert said.code == 0
    assert "a is in first place" in said.out or "First place is open" in said.out
    assert "neighbouring pairs are separated" in said.out
    assert said.err == f"{votes}: read as battles, one row a vote.\n"


def test_json_is_one_object_and_stderr_is_silent(fairtrial: Command, votes: Path) -> None:
    said = fairtrial("rank", votes, "--json", "--seed", 9, "--draws", 500, "--alpha", 0.1, "--margin", 20)
    board = board_of(said)
    assert said.err == ""
    assert next(m["name"] for m in board["models"]) == "a"
    assert (board["fit"]["seed"], board["fit"]["draws"], board["fit"]["alpha"]) == (9, 500, 0.1)
    assert {d["margin"] for d in board["differences"]} == {20.0}
    assert board["fit"]["cluster"] == ["rater", "prompt"]
    assert "raw" not in board


def test_the_same_command_prints_the_same_bytes(fairtrial: Command, votes: Path) -> None:
    assert fairtrial("rank", votes, "--json").out == fairtrial("rank", votes, "--json").out


@pytest.mark.parametrize("ties", ["half", "davidson", "rao-kupper", "auto"])
def test_every_model_of_ties(fairtrial: Command, votes: Path, ties: str) -> None:
    board = board_of(fairtrial("rank", votes, "--ties", ties, "--json"))
    assert (board["fit"]["ties"] == ties) or (ties == "auto" and "ties_auto" in board["fit"])


def test_grades_controls_and_clusters(fairtrial: Command, votes: Path) -> None:
    assert board_of(fairtrial("rank", votes, "--graded", "--json"))["fit"]["ties"] == "cumulative link"
    board = board_of(fairtrial("rank", votes, "--control", "length, position", "--cluster", "prompt", "--json"))
    assert set(board["controls"]) == {"length", "position"}
    assert board["fit"]["cluster"] == ["prompt"]
    assert board["raw"]["controls"] == {}


def test_where_selects_and_by_splits(fairtrial: Command, votes: Path) -> None:
    some = board_of(fairtrial("rank", votes, "--where", "language=ko", "--json"))
    boards = board_of(fairtrial("rank", votes, "--by", "language", "--json"))["boards"]
    assert [board["view"] for board in boards[1:]] == [{"language": "en"}, {"language": "ko"}]
    assert boards[2]["models"] == some["models"]
    assert boards[0]["fit"]["votes"] == 400
    both = board_of(
        fairtrial("rank", votes, "--by", "language", "--where", "rater=r1", "--cluster", "prompt", "--json")
    )["boards"]
    assert sum(board["fit"].get("votes", 0) for board in both[1:]) == both[0]["fit"]["votes"] < 100
    assert "Boards by language" in fairtrial("rank", votes, "--by", "language").out


def test_agreement_names_the_raters(fairtrial: Command, votes: Path) -> None:
    board = board_of(fairtrial("rank", votes, "--agreement", "--json"))
    assert {row["name"] for row in board["agreement"]["raters"]} == {f"r{i}" for i in range(9)}
    assert "Agreement among raters" in fairtrial("rank", votes, "--agreement").out
    split = board_of(fairtrial("rank", votes, "--agreement", "--by", "language", "--json"))
    assert set(split) == {"boards", "agreement"}


def test_the_matrix_is_printed_on_request(fairtrial: Command, votes: Path) -> None:
    assert "Wins of the row" in fairtrial("rank", votes, "--matrix").out
    assert "Wins of the row" not in fairtrial("rank", votes).out


def test_kinds_of_evidence_are_not_mixed(fairtrial: Command, tmp_path: Path) -> None:
    votes = write_votes(tmp_path / "j.csv", evaluator_kind="judge")
    assert board_of(fairtrial("rank", votes, "--json"))["evidence"] == "judge"
    said = fairtrial("rank", votes, "--kind", "human")
    assert said.code == 3
    assert "400 evaluator_kind judge" in said.err


def test_boards_are_saved_in_every_form(fairtrial: Command, votes: Path, tmp_path: Path) -> None:
    outs = [word for ending in ("svg", "png", "html", "json") for word in ("--out", f"b.{ending}")]
    said = fairtrial("rank", votes, "--matrix", "--lang", "ko", *outs)
    assert said.code == 0
    assert said.err.count("Saved") == 4
    assert "사람의 투표" in said.out
    assert (tmp_path / "b.svg").read_text().startswith("<svg")
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert '<html lang="ko"' in (tmp_path / "b.html").read_text()
    assert json.loads((tmp_path / "b.json").read_text()) == board_of(fairtrial("rank", votes, "--json"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.html", "b.json", "b.png", "b.svg", "v.csv"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "b.pdf"], "b.pdf: a board cannot be saved as '.pdf'.\n  → Known: .html"),
        (["--out", "b.sgv"], "Did you mean '.svg'?"),
        (["--out", "board"], "a board cannot be saved as 'board'"),
        (["--out", "nowhere/b.svg"], "its directory is not there.\n  → Make it: mkdir -p nowhere"),
        (["--out", "b.svg", "--out", "./b.svg"], "named twice"),
        (["--where", "language"], "'language' is not column=value"),
        (["--where", "language=en", "--where", "language=ko"], "named twice"),
        (["--where", "langage=ko"], "Did you mean 'language'?"),
        (["--where", "language=kr"], "no row has language 'kr'.\n  → Values there: en, ko."),
        (["--by", "languag"], "Did you mean 'language'?"),
        (["--by", "feature_length_a"], "at most 50 boards"),
        (["--control", "lenght"], "Did you mean 'length'?"),
        (["--control", "relative:with"], "feature_with_a"),
        (["--cluster", "ratter"], "Did you mean 'rater'?"),
        (["--cluster", "rater,rater"], "named twice"),
        (["--alpha", "2"], "alpha must lie between 0 and 1"),
        (["--margin", "-1"], "the margin must be 0 or more"),
        (["--lab", "x"], "give a battle file, or --lab DIR."),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_next_step(
    fairtrial: Command, votes: Path, words: list[str], message: str
) -> None:
    said = fairtrial("rank", votes.name, *words)
    assert said.code == 2
    assert said.out == ""
    assert message in said.err
    assert "Traceback" not in said.err


def test_bad_outputs_are_refused_before_anything_is_read(fairtrial: Command) -> None:
    assert "cannot be saved" in fairtrial("rank", "no-such-file.csv", "--out", "b.pdf").err


def test_a_lab_without_options_shows_its_boards(fairtrial: Command, lab: Path) -> None:
    boards = board_of(fairtrial("rank", "--lab", lab, "--json"))["boards"]
    assert [board["evidence"] for board in boards] == ["scorer", "judge", "judge"]
    assert "Judge models' opinion" in fairtrial("rank", "--lab", lab).out


def test_a_labs_votes_take_every_option(fairtrial: Command, lab: Path, tmp_path: Path) -> None:
    said = fairtrial("rank", "--lab", lab, "--control", "words", "--json")
    assert said.code == 2
    assert "votes of 2 judges, which are not mixed" in said.err
    assert "--where evaluator=judge:one:" in said.err
    who = said.err.split("evaluator=")[1].strip()
    chosen = f"evaluator={who}"
    boards = board_of(
        fairtrial("rank", "--lab", lab, "--where", chosen, "--by", "language", "--ties", "half", "--json")
    )["boards"]
    assert {board["evidence"] for board in boards} == {"judge"}
    assert all(model["simulated"] for board in boards for model in board["models"])
    said = fairtrial("rank", "--lab", lab, "--where", chosen, "--cluster", "prompt", "--out", "l.svg")
    assert said.code in (0, 3)
    assert "votes." in said.err
    assert (tmp_path / "l.svg").exists()
    assert fairtrial("rank", "--lab", lab, "--kind", "human", "--matrix").code == 3


def test_conditions_are_read_at_the_first_equals_sign() -> None:
    assert pairs(["a=b=c", "d="]) == {"a": "b=c", "d": ""}
    with pytest.raises(BadInput):
        pairs(["=x"])


def test_plain_means_nothing_asked_for() -> None:
    assert Request().plain
    assert Request(lang="ko", json=True).plain
    assert not Request(seed=1).plain
    assert not Request(out=(Path("b.svg"),)).plain
