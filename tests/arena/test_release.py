"""Releases of a real lab: what is in them, what is not, and that their boards come out byte for byte."""

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

sys.path[:0] = [str(Path(__file__).parent)]

from release_lab import VotingLab

from fairtrial.arena import ballots as arena_ballots
from fairtrial.arena.ballots import Said
from fairtrial.arena.releases import latest, listed, publish, release, verify_release, withhold_due, withholding
from fairtrial.arena.releases.files import jsonl_rows, parquet_rows
from fairtrial.arena.releases.rows import COLUMNS, leaf_of
from fairtrial.core import FairtrialError
from fairtrial.ranking import board_bytes, board_json, rank
from fairtrial.store import history


@pytest.fixture
def lab(tmp_path: Path):
    made = VotingLab(tmp_path / "lab")
    yield made
    made.close()


def rows_of(made) -> list[dict]:
    return [json.loads(line) for line in (made.directory / "votes.jsonl").read_bytes().splitlines()]


def take_back(lab: VotingLab, ballot, state: str = "withdrawn") -> None:
    lab.store.transact(lambda c: arena_ballots.erase(c, ballot, state=state, by="rater")).result()


def test_a_release_holds_every_vote_and_its_boards_follow_from_either_file(lab: VotingLab):
    cast = lab.vote(120)
    made = lab.release()
    rows = rows_of(made)
    assert [list(row) for row in rows] == [list(COLUMNS)] * 120
    names = dict(zip(lab.skill, ("north", "south", "east"), strict=True))
    for row, ballot in zip(rows, cast, strict=True):
        assert (row["model_a"], row["model_b"]) == (names[ballot.pairing.a], names[ballot.pairing.b])
        assert row["grade"] == ballot.outcome.grade
        assert [part["content"] for part in row["conversation_b"]] == [ballot.said.prompts[0], ballot.said.b[0]]
        assert row["tstamp"] % 60 == 0
        assert isinstance(row["seconds"], int)
    assert {row["winner"] for row in rows} == {"model_a", "model_b", "tie", "tie (bothbad)", "abstain"}
    assert list(parquet_rows(made.directory / "votes.parquet")) == list(jsonl_rows(made.directory / "votes.jsonl"))
    for name, options in (
        ("board.json", {}),
        ("board-unweighted.json", {"weighted": False}),
        ("board-style.json", {"control": ["relative:characters", "position"]}),
    ):
        signed = (made.directory / name).read_bytes()
        for file in ("votes.parquet", "votes.jsonl"):
            board = rank(made.directory / file, **options)
            if name != "board-style.json":
                assert board_bytes(board_json(board)) == signed
        assert json.loads(signed)["models"][0]["name"] == "east"
    verdict = verify_release(made.directory, [lab.lab.public_key])
    assert (verdict.word, verdict.problems, verdict.notes) == ("TRUSTED", (), ())


def test_the_commands_on_the_card_reproduce_the_boards_byte_for_byte(lab: VotingLab):
    lab.vote(60)
    made = lab.release()
    commands = [board["command"] for board in made.manifest["boards"].values()]
    assert len(commands) == 3
    for command in commands:
        for text in (command, command.replace("votes.parquet", "votes.jsonl")):
            assert text.split(" --json")[0] in (made.directory / "CARD.md").read_text() or "jsonl" in text
            own = text.replace("fairtrial ", f"{Path(sys.executable).parent}/fairtrial ")
            shell = ["bash", "-c", f"set -o pipefail; {own}"]
            done = subprocess.run(shell, cwd=made.directory, capture_output=True, check=False)
            assert done.returncode == 0, (text, done.stdout, done.stderr)
    assert verify_release(made.directory, [lab.lab.public_key]).word == "TRUSTED"


def test_what_must_not_leave_the_lab_does_not(lab: VotingLab):
    cast = lab.vote(30)
    made = lab.release()
    everything = b"".join(path.read_bytes() for path in made.directory.iterdir())
    everything += json.dumps([list(row.values()) for row in parquet_rows(made.directory / "votes.parquet")]).encode()
    for ballot in cast:
        for secret in (ballot.id, ballot.rater, ballot.outcome.at, ballot.opened):
            assert secret.encode() not in everything
    again = lab.release()
    assert {r["rater"] for r in rows_of(made)}.isdisjoint({r["rater"] for r in rows_of(again)})
    assert {r["question_id"] for r in rows_of(made)}.isdisjoint({r["question_id"] for r in rows_of(again)})
    assert {r["salt"] for r in rows_of(made)}.isdisjoint({r["salt"] for r in rows_of(again)})


def test_one_rater_keeps_one_pseudonym_and_one_question_one_name(lab: VotingLab):
    cast = lab.vote(40, said=lambda n: Said(prompts=(f"Question {n % 4}?",), a=("x",), b=("y",)))
    rows = rows_of(lab.release())
    for ours, theirs in ((lambda b: b.rater, "rater"), (lambda b: b.said.prompts[0], "question_id")):
        pairs = {(ours(ballot), row[theirs]) for ballot, row in zip(cast, rows, strict=True)}
        assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


@pytest.mark.parametrize("votes", [0, 1])
def test_a_lab_with_hardly_anything(lab: VotingLab, votes):
    lab.vote(votes, opinion=2)
    made = lab.release()
    assert made.manifest["rows"] == votes
    assert verify_release(made.directory, [lab.lab.public_key]).word == "TRUSTED"
    assert len(list(parquet_rows(made.directory / "votes.parquet"))) == votes
    assert ("command" in made.manifest["boards"]["board.json"]) == bool(votes)
    assert "# no board" in (made.directory / "CARD.md").read_text() or votes
    assert json.loads((made.directory / "card.json").read_text())["name"] == made.id


HOSTILE = [
    "NUL \x00 and bell \x07",
    "\u202egnp.exe \u2066\u200b\ufeff",
    "</script><img src=x onerror=alert(1)>",
    '{"winner":"model_a"}\n{"winner":"model_b"}',
    "\u2028\u2029\r\n\r",
    "한국어 " * 3,
    "\U0010ffff\ud7ff",
    "",
    "[" * 50_000,
    "x" * 1_000_000,
]


def test_hostile_texts_come_out_as_they_went_in(lab: VotingLab):
    cast = lab.vote(len(HOSTILE), said=lambda n: Said(prompts=(HOSTILE[n],), a=(HOSTILE[n],), b=("fine",)), opinion=1)
    made = lab.release()
    for row, text in zip(rows_of(made), HOSTILE, strict=True):
        assert row["text_withheld"] is None
        assert [part["content"] for part in row["conversation_a"]] == [text, text]
    assert list(parquet_rows(made.directory / "votes.parquet")) == list(jsonl_rows(made.directory / "votes.jsonl"))
    assert verify_release(made.directory, [lab.lab.public_key]).word == "TRUSTED"
    assert board_bytes(board_json(rank(made.directory / "votes.jsonl"))) == (made.directory / "board.json").read_bytes()
    assert len(cast) == len(HOSTILE)


def test_what_rank_could_not_read_is_withheld(lab: VotingLab):
    lab.vote(2, said=lambda n: Said(prompts=("q",), a=("x" * (4_000_000 * n),), b=("y",)), opinion=1)
    made = lab.release()
    assert [row["text_withheld"] for row in rows_of(made)] == [None, "too long"]
    assert made.manifest["texts_withheld"] == {"too long": 1}
    assert sum(model.votes for model in rank(made.directory / "votes.jsonl").models) == 4


def test_the_log_tells_of_a_release_and_the_release_of_the_log(lab: VotingLab):
    lab.vote(5)
    with lab.store.reading() as connection:
        head = history.head(connection)
    made = lab.release()
    assert made.manifest["log"] == {"size": head.size, "link": head.link.hex()}
    with lab.store.reading() as connection:
        entry = next(history.entries(connection, kinds=("release",)))
        history.check(connection)
    assert entry.body["release"] == made.id
    assert entry.body["statement"] == release._sha256(made.directory / "statement.dsse.json")


def test_votes_taken_back_before_are_counted_and_nothing_more(lab: VotingLab):
    cast = lab.vote(20, said=lambda n: Said(prompts=(f"swordfish {n}",), a=("x",), b=("y",)))
    for ballot, state in zip(cast[:3], ("withdrawn", "withdrawn", "taken down"), strict=True):
        take_back(lab, ballot, state)
    made = lab.release()
    assert made.manifest["rows"] == 17
    assert made.manifest["taken_back"] == {"taken down": 1, "withdrawn": 2}
    assert "swordfish 1" not in {row["conversation_a"][0]["content"] for row in rows_of(made)}
    assert "withdrawn 2" in (made.directory / "CARD.md").read_text()


def test_flagged_votes_are_left_out_by_their_reason_with_and_without(lab: VotingLab, monkeypatch):
    lab.vote(60)
    n = len(lab.raters)

    def weights(columns):
        first = columns["rater"][0]
        reasons = ["favours one contestant" if rater == first else "" for rater in columns["rater"]]
        reasons[-1] = reasons[-1] or "influence cap"
        return [0.0 if r.startswith("favours") else 0.5 if r else 1.0 for r in reasons], reasons

    monkeypatch.setattr(release, "weigh", weights)
    made = lab.release()
    assert n > 1
    flagged = made.manifest["weighted"]["favours one contestant"]
    weighted, plain = (json.loads((made.directory / f).read_text()) for f in ("board.json", "board-unweighted.json"))
    assert weighted["excluded"]["favours one contestant"] == flagged > 0
    assert "favours one contestant" not in plain["excluded"]
    assert sum(m["votes"] for m in weighted["models"]) < sum(m["votes"] for m in plain["models"])
    for file in ("votes.parquet", "votes.jsonl"):
        assert board_bytes(board_json(rank(made.directory / file))) == (made.directory / "board.json").read_bytes()


def test_bands_only_in_crowds(lab: VotingLab):
    lab.enrol(6, {"age": "30s", "language": "ko"})
    lab.enrol(1, {"age": "80+", "language": "fi", "region": "northern-europe"})
    for rater in lab.raters:
        for opinion in (-2, 2, 1):
            lab.vote(1, rater=rater, opinion=opinion)
    made = lab.release()
    rows = rows_of(made)
    cells: dict[tuple, set[str]] = {}
    for row in rows:
        cells.setdefault(tuple(row[f"rater_{b}"] for b in ("age", "region", "language", "expertise")), set()).add(
            row["rater"]
        )
    assert all(len(who) >= 5 for who in cells.values())
    assert {row["rater_language"] for row in rows} <= {"ko", "other"}
    assert made.manifest["bands"]["told"] == 7


def test_a_crowd_that_is_alike_keeps_its_bands_unless_all_prefer_the_same(lab: VotingLab):
    lab.enrol(6, {"age": "30s", "language": "ko"})
    for rater in lab.raters:
        for _ in range(8):
            lab.vote(1, rater=rater)
    assert {(row["rater_age"], row["rater_language"]) for row in rows_of(lab.release())} == {("30s", "ko")}


def test_a_crowd_of_one_opinion_tells_nothing(tmp_path: Path):
    lab = VotingLab(tmp_path / "two", ("loser", "winner"))
    for rater in lab.enrol(6, {"age": "30s"}):
        for _ in range(3):
            lab.vote(1, rater=rater, better=True)
    rows = rows_of(lab.release())
    lab.close()
    assert {row["rater_age"] for row in rows} <= {None, "other"}


def test_few_raters_tell_nothing(lab: VotingLab):
    lab.enrol(4, {"age": "30s"})
    lab.vote(20)
    assert {row["rater_age"] for row in rows_of(lab.release())} == {None}


def test_the_latest_of_several(lab: VotingLab):
    assert latest(lab.reports) is None
    assert listed(lab.reports) == ([], [])
    lab.vote(3)
    first, second = lab.release(), lab.release()
    assert {one.id for one in listed(lab.reports)[0]} == {first.id, second.id}
    assert latest(lab.reports).manifest["task"] is None
    assert latest(lab.reports, task="t") is None
    assert lab.lab.reports() == []


def test_the_card_leaves_nothing_blank_and_speaks_both_languages(lab: VotingLab):
    lab.vote(10)
    made = lab.release()
    text = (made.directory / "CARD.md").read_text()
    assert not re.search(r"\{\w+\}", text)
    assert "평가자" in text
    assert "CC-BY-4.0" in text
    card = json.loads((made.directory / "card.json").read_text())
    fields = {field["name"] for field in card["recordSet"][0]["field"]}
    assert fields == set(COLUMNS)
    assert all(value not in ("", [], None) for value in card.values())
    assert all(field["description"] for field in card["recordSet"][0]["field"])
    assert {name for name in card if name.startswith("rai:")} >= {
        "rai:dataLimitations",
        "rai:personalSensitiveInformation",
        "rai:dataAnnotationDemographics",
    }
    assert card["distribution"][2]["sha256"] == release._sha256(made.directory / "leaves.txt")


def test_a_leaf_is_what_the_docs_say_it_is(lab: VotingLab):
    """Computed here from the specification alone: RFC 8785 by its own library, SHA-256, nothing of ours."""
    import hashlib

    import rfc8785

    lab.vote(4)
    made = lab.release()
    for row, leaf in zip(rows_of(made), (made.directory / "leaves.txt").read_text().splitlines(), strict=True):
        salt = row.pop("salt")
        body = {name: value for name, value in row.items() if value is not None}
        whole = rfc8785.dumps({"salt": salt, "kind": "vote row", "body": body})
        assert hashlib.sha256(b"\0" + whole).hexdigest() == leaf


def test_another_tool_reads_the_parquet_file(lab: VotingLab):
    lab.vote(8)
    made = lab.release()
    found = duckdb.execute(
        f"select count(*), min(conversation_a[1].role) from '{made.directory}/votes.parquet'"
    ).fetchone()
    assert found == (8, "user")


def test_a_crash_before_the_log_tells_leaves_nothing_and_after_it_everything(lab: VotingLab, monkeypatch):
    lab.vote(5)
    with monkeypatch.context() as broken:
        broken.setattr(release, "_record", lambda *_: (_ for _ in ()).throw(FairtrialError("no")))
        with pytest.raises(FairtrialError, match="no"):
            lab.release()
    assert listed(lab.reports) == ([], [])
    withhold_due(lab.store, lab.reports)
    assert [path.name for path in lab.reports.iterdir()] == [".releases.lock"]
    settle, calls = withholding.settle, []

    def second_time_lost(store, reports):
        calls.append(1)
        if len(calls) == 2:
            raise FairtrialError("power failure")
        return settle(store, reports)

    with monkeypatch.context() as broken:
        broken.setattr(withholding, "settle", second_time_lost)
        with pytest.raises(FairtrialError, match="power"):
            lab.release()
    assert listed(lab.reports) == ([], [])
    withhold_due(lab.store, lab.reports)
    ((made,), _) = listed(lab.reports)
    assert verify_release(made.directory, [lab.lab.public_key]).word == "TRUSTED"


def test_a_vote_withdrawn_while_its_release_is_made_is_not_in_it(lab: VotingLab, monkeypatch):
    cast = lab.vote(6)
    real = release.sign_directory

    def signing(*given, **more):
        take_back(lab, cast[2])
        return real(*given, **more)

    monkeypatch.setattr(release, "sign_directory", signing)
    made = lab.release()
    assert made.withheld() == {"withdrawn": 1}
    assert rows_of(made)[2]["withheld"] == "withdrawn"
    verdict = verify_release(made.directory, [lab.lab.public_key])
    assert (verdict.word, verdict.notes) == ("TRUSTED", ("1 of 6 rows withheld: withdrawn",))


def test_the_writer_goes_on_while_a_release_is_made(lab: VotingLab, monkeypatch):
    """A vote is acknowledged in the middle of the reading transaction, and is not in the release."""
    lab.vote(5)
    real = release.crowds

    def crowds(*given):
        lab.vote(1)
        return real(*given)

    monkeypatch.setattr(release, "crowds", crowds)
    assert lab.release().manifest["rows"] == 5
    with lab.store.reading() as connection:
        assert history.count(connection, "vote") == 6


def test_a_rating_task_is_released_apart(lab: VotingLab):
    assert publish.__kwdefaults__["task"] is None
    lab.vote(3)
    from fairtrial.store.arena_tables import tasks

    def work(connection):
        connection.execute(
            tasks.insert(), {"id": "t1", "name": "t", "state": "open", "since": "2026-01-01", "body": b"{}"}
        )
        connection.execute(
            arena_ballots.ballots.update()
            .where(
                arena_ballots.ballots.c.seq
                == arena_ballots.select(arena_ballots.ballots.c.seq).limit(1).scalar_subquery()
            )
            .values(task="t1")
        )

    lab.store.transact(work).result()
    assert lab.release().manifest["rows"] == 2
    of_task = lab.release(task="t1")
    assert of_task.manifest["rows"] == 1
    assert latest(lab.reports, task="t1").id == of_task.id
    assert rows_of(of_task)[0]["task"] == "t1"
    leaves = (of_task.directory / "leaves.txt").read_text().split()
    assert [leaf_of(row) for row in jsonl_rows(of_task.directory / "votes.jsonl")] == leaves


def test_every_column_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "public-data.md").read_text(encoding="utf-8")
    for column in COLUMNS:
        name = column.removesuffix("_b") + "_a" if column.startswith("feature_") and column.endswith("_b") else column
        assert f"`{name}`" in page, column
