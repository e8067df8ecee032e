"""`export`, `log` and `verify` on a release, as a person uses them."""

import json
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "arena")]

from release_lab import VotingLab

from fairtrial.arena import ballots
from fairtrial.arena.releases import withhold_due
from fairtrial.store.arena_tables import log, log_bodies


@pytest.fixture
def votes(tmp_path: Path):
    """A lab with votes; its database is free for the commands."""

    def cast(count: int) -> VotingLab:
        lab = VotingLab(tmp_path / "lab")
        lab.vote(count)
        lab.close()
        return lab

    return cast


def test_export_then_verify_then_rank_gives_the_published_board(fairtrial, votes, tmp_path: Path):
    votes(40)
    said = fairtrial("export", "--lab", "lab", "--out", "public")
    assert said.code == 0, said.err
    assert "40 votes by" in said.out
    assert "fairtrial rank votes.parquet --json | cmp - board.json" in said.out
    assert fairtrial("verify", "public", "--lab", "lab").out.startswith("TRUSTED")
    for file in ("votes.parquet", "votes.jsonl"):
        assert fairtrial("rank", f"public/{file}", "--json").out.encode() == Path("public/board.json").read_bytes()
        fairtrial("rank", f"public/{file}", "--out", f"{file}.json")
        assert Path(f"{file}.json").read_bytes() == Path("public/board.json").read_bytes()
        plain = fairtrial("rank", f"public/{file}", "--unweighted", "--json").out.encode()
        assert plain == Path("public/board-unweighted.json").read_bytes()
    again = fairtrial("export", "--lab", "lab", "--out", "public")
    assert again.code == 2
    assert "is there already" in again.err


def test_export_as_json(fairtrial, votes):
    votes(5)
    told = json.loads(fairtrial("export", "--lab", "lab", "--json").out)
    assert told["release"]["rows"] == 5
    assert Path(told["directory"]).name == told["release"]["release"]
    assert Path(told["directory"]).parent == Path("lab/reports")


def test_verify_tells_of_withheld_rows_and_names_a_changed_one(fairtrial, votes, tmp_path: Path):
    votes(0)
    from fairtrial.store import Store

    lab = VotingLab(tmp_path / "other")
    cast = lab.vote(6)
    made = lab.release()
    lab.store.transact(lambda c: ballots.erase(c, cast[5], state="withdrawn", by="rater")).result()
    withhold_due(lab.store, lab.reports)
    lab.close()
    assert isinstance(lab.store, Store)
    said = fairtrial("verify", made.directory, "--lab", "other")
    assert said.code == 0
    assert "1 of 6 rows withheld: withdrawn" in said.out
    assert json.loads(fairtrial("verify", made.directory, "--lab", "other", "--json").out)["notes"]
    assert fairtrial("verify", made.directory, "--lab", "lab").out.startswith("UNTRUSTED")
    file = made.directory / "votes.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"anony":true', b'"anony":false', 1))
    said = fairtrial("verify", made.directory, "--lab", "other")
    assert said.code == 6
    assert "votes.jsonl: row 1: changed after signing." in said.out


def test_the_log_can_be_checked_and_its_head_written_down(fairtrial, votes, tmp_path: Path):
    votes(3)
    head = fairtrial("log", "head", "--lab", "lab")
    size, link = head.out.split()
    assert (head.code, size, len(link)) == (0, "6", 64)  # a pairing and a vote each
    assert json.loads(fairtrial("log", "head", "--lab", "lab", "--json").out) == {"size": 6, "link": link}
    assert json.loads(fairtrial("log", "check", "--lab", "lab", "--json").out) == {
        "size": 6,
        "link": link,
        "withheld": 0,
    }
    assert "6 entries, 0 of them withheld" in fairtrial("log", "check", "--lab", "lab").out
    lab = VotingLab.__new__(VotingLab)
    from fairtrial.lab import Lab
    from fairtrial.store import Store

    with Store.open(Lab.open("lab").directory.database) as store:
        lab.store = store
        changed = log_bodies.update().where(log_bodies.c.seq == 4).values(body=b'{"vote": "other"}')
        store.transact(lambda c: c.execute(changed) and None).result()
    said = fairtrial("log", "check", "--lab", "lab")
    assert said.code == 6
    assert "entry 4 of the log is not what was recorded" in said.err
    assert log.name == "log"


@pytest.mark.parametrize("words", [("export",), ("log", "check"), ("log", "head")])
def test_without_a_lab(fairtrial, words):
    said = fairtrial(*words, "--lab", "nowhere")
    assert said.code == 2
    assert "there is no lab here" in said.err


def test_while_the_lab_is_in_use(fairtrial, votes):
    from fairtrial.lab import Lab

    votes(1)
    with Lab.open("lab").directory.lock():
        said = fairtrial("export", "--lab", "lab")
    assert said.code == 2
    assert "another run is writing to this lab" in said.err
