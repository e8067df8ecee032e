"""A signed release and everything that can happen to it afterwards: the row, or the file, by its name."""

import json
import shutil
import sys
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path[:0] = [str(Path(__file__).parent)]

from release_lab import VotingLab

from fairtrial.arena import ballots
from fairtrial.arena.releases import listed, verify_release, withhold, withhold_due, withholding
from fairtrial.arena.releases.files import jsonl_rows, parquet_rows, withheld_in, write_parquet
from fairtrial.core import BadInput, FairtrialError
from fairtrial.provenance import SigningKey, statement_type, verify
from fairtrial.ranking import rank

ROWS = 12
STRANGER = SigningKey(b"\x02" * 32)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory):
    lab = VotingLab(tmp_path_factory.mktemp("lab") / "lab")
    lab.vote(ROWS)
    made = lab.release()
    yield made.directory, lab.lab.public_key
    lab.close()


@pytest.fixture
def signed(pristine, tmp_path: Path):
    directory = tmp_path / "release-x"
    shutil.copytree(pristine[0], directory)
    return directory


@pytest.fixture
def key(pristine):
    return pristine[1]


def lines_of(directory: Path) -> list[bytes]:
    return (directory / "votes.jsonl").read_bytes().splitlines(keepends=True)


def edit(directory: Path, change, *, parquet: bool = True) -> None:
    """Change the list of lines of votes.jsonl, and make the Parquet file alike."""
    lines = lines_of(directory)
    change(lines)
    (directory / "votes.jsonl").write_bytes(b"".join(lines))
    if parquet:
        write_parquet(directory / "votes.jsonl", directory / "votes.parquet")


def changed(**fields):
    def change(lines):
        lines[4] = msgspec.json.encode(msgspec.json.decode(lines[4]) | fields) + b"\n"

    return change


def both(*problems: str) -> tuple[str, ...]:
    return tuple(f"{name}: {problem}" for name in ("votes.jsonl", "votes.parquet") for problem in problems)


def test_intact_by_a_trusted_and_by_an_unknown_key(signed: Path, key):
    assert verify_release(signed, [key]).word == "TRUSTED"
    assert verify_release(signed / "board.json", [key]).word == "TRUSTED"
    assert verify_release(signed, [STRANGER.public]).word == "UNTRUSTED"
    assert statement_type(signed) == "urn:fairtrial:release:v0.1"
    assert verify(signed, [key]).word == "UNREADABLE"  # as a report


@pytest.mark.parametrize(
    "fields",
    [
        {"winner": "model_a", "grade": 2},
        {"weight": 0.5},
        {"weight_reason": "because"},
        {"rater": "someone"},
        {"conversation_a": None},
        {"conversation_b": [{"role": "user", "content": "other"}]},
        {"tstamp": 0},
        {"salt": "00" * 32},
        {"salt": "zz"},
        {"salt": None},
        {"leaf": "00" * 32},
    ],
)
def test_a_changed_row_is_named(signed: Path, key, fields):
    edit(signed, changed(**fields))
    verdict = verify_release(signed, [key])
    assert (verdict.word, verdict.problems) == ("TAMPERED", both("row 5: changed after signing."))


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        (lambda rows: rows.pop(2), ["row 3 of those signed is missing."]),
        (lambda rows: rows.pop(), ["row 12 of those signed is missing."]),
        (lambda rows: rows.insert(3, rows[0].replace(b'"salt":"', b'"salt":"a')), ["row 4: added after signing."]),
        (lambda rows: rows.insert(3, rows[0]), ["row 4: is row 1 of those signed, moved or repeated."]),
        (lambda rows: rows.append(rows[11]), ["row 13: is row 12 of those signed, moved or repeated."]),
        (
            lambda rows: rows.insert(5, rows.pop(6)),
            ["row 6 of those signed is missing.", "row 7: is row 6 of those signed, moved or repeated."],
        ),
    ],
)
def test_rows_removed_added_and_moved_are_named(signed: Path, key, change, problems):
    edit(signed, change)
    verdict = verify_release(signed, [key])
    assert (verdict.word, verdict.problems) == ("TAMPERED", both(*problems))


def test_all_rows_exchanged_are_not_listed_one_by_one(signed: Path, key):
    edit(signed, lambda rows: rows.__setitem__(slice(None), [rows[0].replace(b'"salt":"', b'"salt":"a')] * 500))
    problems = verify_release(signed, [key]).problems
    assert 20 <= len(problems) <= 44
    assert problems[0] == "votes.jsonl: row 1: changed after signing."


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row.replace(b'{"question_id"', b'{"winner":"model_a","question_id"'), "line 5 is not written as"),
        (lambda row: row.replace(b'"grade"', b' "grade"'), "line 5 is not written as"),
        (lambda row: row.replace(b'"turn":1', b'"turn":1,"more":1'), "line 5 is not written as"),
        (lambda row: row[:30] + b"\n", "line 5 is not JSON"),
        (lambda _: b"[]\n", "line 5 is not written as"),
        (lambda _: b"[" * 100_000 + b"\n", "line 5 is not JSON"),
        (lambda _: b"\n", "line 5 is not JSON"),
    ],
)
def test_a_line_that_readers_could_read_differently(signed: Path, key, change, problem):
    edit(signed, lambda rows: rows.__setitem__(4, change(rows[4])), parquet=False)
    verdict = verify_release(signed, [key])
    assert verdict.word == "TAMPERED"
    assert [one for one in verdict.problems if problem in one and one.startswith("votes.jsonl")]


@pytest.mark.parametrize(
    "name", ["board.json", "board-unweighted.json", "leaves.txt", "card.json", "CARD.md", "manifest.json"]
)
def test_a_changed_file_is_named(signed: Path, key, name):
    content = (signed / name).read_bytes()
    (signed / name).write_bytes(content.replace(b"1", b"2", 1))
    assert verify_release(signed, [key]).problems == (f"{name}: changed after signing.",)
    (signed / name).unlink()
    assert verify_release(signed, [key]).problems == (f"{name}: missing.",)


def test_files_added_and_votes_missing(signed: Path, key):
    (signed / "extra.txt").write_text("x")
    (signed / "votes.parquet").unlink()
    assert verify_release(signed, [key]).problems == (
        "extra.txt: added after signing.",
        "votes.parquet: missing.",
    )


def test_a_parquet_file_that_is_none_or_another(signed: Path, key):
    (signed / "votes.parquet").write_bytes(b"PAR1 no")
    assert verify_release(signed, [key]).problems == ("votes.parquet: it is not a readable Parquet file.",)
    (signed / "votes.parquet").unlink()
    duckdb.execute(f"COPY (SELECT 1 AS x) TO '{signed}/votes.parquet' (FORMAT parquet)")
    assert verify_release(signed, [key]).problems == ("votes.parquet: it has other columns than public data has.",)


def test_a_parquet_file_of_another_writer_with_the_same_rows_will_do(signed: Path, key):
    duckdb.execute(f"COPY (FROM '{signed}/votes.parquet') TO '{signed}/v.parquet' (FORMAT parquet, COMPRESSION snappy)")
    (signed / "v.parquet").replace(signed / "votes.parquet")
    assert verify_release(signed, [key]).word == "TRUSTED"


def test_a_statement_that_was_changed_or_exchanged(signed: Path, key):
    statement = signed / "statement.dsse.json"
    envelope = json.loads(statement.read_bytes())
    statement.write_bytes(json.dumps(envelope | {"payload": envelope["payload"][:-4] + "fX0="}).encode())
    assert verify_release(signed, [key]).word == "TAMPERED"
    statement.unlink()
    assert verify_release(signed, [key]).word == "UNSIGNED"
    assert statement_type(signed) is None
    with pytest.raises(BadInput):
        verify_release(signed / "nowhere", [key])


@pytest.mark.parametrize(
    "fields",
    [
        {"leaf": "{leaf}", "withheld": "withdrawn", "winner": "model_a"},
        {"leaf": "{leaf}", "withheld": "buy at http://example.org"},
        {"leaf": "ab", "withheld": "withdrawn"},
        {"withheld": "withdrawn"},
    ],
)
def test_a_withheld_row_says_nothing_else(signed: Path, key, fields):
    leaf = (signed / "leaves.txt").read_text().split()[4]
    empty = dict.fromkeys(msgspec.json.decode(lines_of(signed)[4]))
    row = empty | {name: value.replace("{leaf}", leaf) for name, value in fields.items()}
    edit(signed, lambda rows: rows.__setitem__(4, msgspec.json.encode(row) + b"\n"))
    assert verify_release(signed, [key]).problems == both("row 5: changed after signing.")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, ROWS - 1), st.sampled_from(["withdrawn", "taken down"])), max_size=4))
def test_whatever_is_withheld_the_rest_still_verifies(pristine, tmp_path_factory, waves):
    directory = tmp_path_factory.mktemp("releases") / "release-x"
    shutil.copytree(pristine[0], directory)
    before = list(jsonl_rows(directory / "votes.jsonl"))
    gone: dict[int, str] = {}
    for wave in waves:
        fresh = {row: why for row, why in wave.items() if row not in gone}
        assert withhold(directory, wave) == len(fresh)
        gone |= fresh
        verdict = verify_release(directory, [pristine[1]])
        assert (verdict.word, verdict.problems) == ("TRUSTED", ())
        assert sum(int(note.split()[0]) for note in verdict.notes) == len(gone)
    after = list(parquet_rows(directory / "votes.parquet"))
    assert after == list(jsonl_rows(directory / "votes.jsonl"))
    assert [row for row, now in zip(before, after, strict=True) if now["withheld"] is None] == [
        row for place, row in enumerate(before) if place not in gone
    ]
    assert withheld_in(directory / "votes.parquet") == gone
    left = b"".join(path.read_bytes() for path in directory.iterdir())
    for place in gone:
        assert before[place]["salt"].encode() not in left
    assert sorted(path.name for path in directory.parent.iterdir()) == ["release-x"]


def test_after_a_withdrawal_the_votes_left_can_be_ranked_and_the_others_are_counted(signed: Path):
    withhold(signed, dict.fromkeys(range(3), "withdrawn"))
    for file in ("votes.parquet", "votes.jsonl"):
        assert rank(signed / file).excluded["withheld: withdrawn"] == 3
    withhold(signed, dict.fromkeys(range(ROWS), "withdrawn"))
    for file in ("votes.parquet", "votes.jsonl"):
        with pytest.raises(FairtrialError, match="12 withheld: withdrawn"):
            rank(signed / file)


class TestWithdrawals:
    """From the ballot to every release that holds it."""

    @pytest.fixture
    def lab(self, tmp_path: Path):
        made = VotingLab(tmp_path / "lab")
        yield made
        made.close()

    def test_a_withdrawal_reaches_every_older_release_and_the_next_one_lacks_it(self, lab: VotingLab):
        first_votes = lab.vote(4)
        first = lab.release()
        lab.vote(4)
        second = lab.release()
        lab.store.transact(lambda c: ballots.erase(c, first_votes[1], state="withdrawn", by="rater")).result()
        assert withhold_due(lab.store, lab.reports) == 2
        assert withhold_due(lab.store, lab.reports) == 0
        for made in (first, second):
            verdict = verify_release(made.directory, [lab.lab.public_key])
            assert (verdict.word, made.withheld()) == ("TRUSTED", {"withdrawn": 1})
            assert withheld_in(made.directory / "votes.parquet") == {1: "withdrawn"}
        third = lab.release()
        assert third.manifest["rows"] == 7
        assert third.withheld() == {}

    @pytest.mark.parametrize("cut", ["before", "between"])
    def test_a_crash_in_the_middle_is_made_good(self, lab: VotingLab, monkeypatch, cut):
        cast = lab.vote(5)
        made = lab.release()
        lab.store.transact(lambda c: ballots.erase(c, cast[0], state="taken down", by="moderator")).result()
        real, replaced = Path.replace, []

        def replace(self, target):
            if cut == "before" or replaced:
                raise OSError(28, "No space left on device")
            replaced.append(target)
            return real(self, target)

        with monkeypatch.context() as broken:
            broken.setattr(Path, "replace", replace)
            with pytest.raises(OSError, match="space"):
                withhold_due(lab.store, lab.reports)
        verdict = verify_release(made.directory, [lab.lab.public_key])
        assert (verdict.word, len(verdict.notes)) == ("TRUSTED", cut == "between")
        assert withhold_due(lab.store, lab.reports) == 1
        assert verify_release(made.directory, [lab.lab.public_key]).notes == ("1 of 5 rows withheld: taken down",)

    def test_what_a_crash_left_beside_is_cleared(self, lab: VotingLab):
        lab.vote(2)
        made = lab.release()
        (lab.reports / ".release-2026-01-01-00000000.new").mkdir()
        (lab.reports / f".{made.id}.votes.jsonl").write_text("half")
        withhold_due(lab.store, lab.reports)
        assert sorted(path.name for path in lab.reports.iterdir()) == [".releases.lock", made.id]

    def test_a_release_that_was_moved_away_is_passed_over(self, lab: VotingLab):
        cast = lab.vote(2)
        made = lab.release()
        shutil.rmtree(made.directory)
        lab.store.transact(lambda c: ballots.erase(c, cast[0], state="withdrawn", by="rater")).result()
        assert withhold_due(lab.store, lab.reports) == 0
        assert listed(lab.reports) == ([], [])

    def test_one_at_a_time(self, lab: VotingLab):
        import fcntl

        with (
            withholding.alone(lab.reports),
            (lab.reports / ".releases.lock").open() as other,
            pytest.raises(BlockingIOError),
        ):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert withhold_due(lab.store, lab.reports) == 0
