"""A signed report and everything that can happen to it afterwards: one word for each, and the file by its name."""

import base64
import json
import os
from pathlib import Path

import pytest

from fairtrial.core import BadInput
from fairtrial.provenance import STATEMENT_NAME, SigningKey, Statement, sign_directory, statement_type, verify
from fairtrial.provenance.dsse import sign
from fairtrial.provenance.statements import EVALUATION

LAB = SigningKey(b"\x01" * 32)
STRANGER = SigningKey(b"\x02" * 32)
FILES = {
    "report.json": b'{"rating":1031}',
    "report.html": b"<h1>Report</h1>",
    "evidence/votes.jsonl": b'{"grade":1}\n{"grade":-2}\n',
    "empty.txt": b"",
}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    directory = tmp_path / "report"
    for name, content in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    sign_directory(directory, LAB, {"name": "starter", "items": 40})
    return directory


def test_untouched_is_trusted(report: Path):
    verdict = verify(report, [LAB.public])
    assert (verdict.word, verdict.problems, verdict.exit_code, verdict.files) == ("TRUSTED", (), 0, 4)
    assert verdict.signer == LAB.public.fingerprint
    assert verdict.predicate == {"name": "starter", "items": 40}


def test_a_keyid_is_enough_and_any_file_of_the_report_will_do(report: Path):
    assert verify(report / "report.html", {LAB.public.keyid}).word == "TRUSTED"
    assert verify(report / STATEMENT_NAME, {LAB.public.keyid}).word == "TRUSTED"


def test_signing_again_gives_the_same_bytes(report: Path):
    before = (report / STATEMENT_NAME).read_bytes()
    assert sign_directory(report, LAB, {"items": 40, "name": "starter"}) == report / STATEMENT_NAME
    assert (report / STATEMENT_NAME).read_bytes() == before


def test_intact_by_an_unknown_key(report: Path):
    verdict = verify(report, [STRANGER.public])
    assert (verdict.word, verdict.problems, verdict.exit_code) == ("UNTRUSTED", (), 3)
    assert verdict.signer == LAB.public.fingerprint


def test_signed_again_by_another_key_is_named_as_such(report: Path):
    (report / "report.json").write_bytes(b'{"rating":1500}')
    sign_directory(report, STRANGER, {})
    verdict = verify(report, [LAB.public])
    assert (verdict.word, verdict.signer) == ("UNTRUSTED", STRANGER.public.fingerprint)


@pytest.mark.parametrize("name", [name for name, content in FILES.items() if content])
def test_every_changed_byte_of_every_file_is_named(report: Path, name: str):
    whole = (report / name).read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x20
        (report / name).write_bytes(bytes(changed))
        verdict = verify(report, [LAB.public])
        assert (verdict.word, verdict.problems) == ("TAMPERED", (f"{name}: changed after signing.",))
        assert verdict.exit_code == 6


def test_every_changed_bit_of_the_statement_file_is_noticed(report: Path):
    path = report / STATEMENT_NAME
    whole = path.read_bytes()
    words = set()
    for place in range(len(whole) - 1):  # the last byte is the line's end
        changed = bytearray(whole)
        changed[place] ^= 1 << (place % 7)
        path.write_bytes(bytes(changed))
        verdict = verify(report, [LAB.public])
        assert verdict.exit_code == 6, place
        assert verdict.signer == ""
        words.add(verdict.word)
    assert words == {"TAMPERED", "UNREADABLE"}


def test_missing_added_and_changed_files_are_all_named(report: Path):
    (report / "report.html").unlink()
    (report / "evidence" / "more.jsonl").write_bytes(b"x")
    (report / "empty.txt").write_bytes(b"no longer")
    verdict = verify(report, [LAB.public])
    assert verdict.word == "TAMPERED"
    assert set(verdict.problems) == {
        "report.html: missing.",
        "evidence/more.jsonl: added after signing.",
        "empty.txt: changed after signing.",
    }


def test_changed_content_by_an_unknown_key_is_tampered_first(report: Path):
    (report / "report.json").write_bytes(b"{}")
    assert verify(report, []).word == "TAMPERED"


def test_digest_corrected_in_the_statement_but_not_signed(report: Path):
    path = report / STATEMENT_NAME
    envelope = json.loads(path.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"items":40', b'"items":90')
    path.write_bytes(json.dumps(envelope | {"payload": base64.b64encode(payload).decode()}).encode())
    verdict = verify(report, [LAB.public])
    assert (verdict.word, verdict.predicate) == ("TAMPERED", None)
    assert "signature" in verdict.problems[0]


def test_another_labs_signature_under_our_name(report: Path):
    path = report / STATEMENT_NAME
    envelope = json.loads(path.read_bytes())
    forged = json.loads(sign(base64.b64decode(envelope["payload"]), STRANGER))
    envelope["signatures"][0]["sig"] = forged["signatures"][0]["sig"]
    path.write_bytes(json.dumps(envelope).encode())
    assert verify(report, [LAB.public]).word == "TAMPERED"


def test_without_a_statement(report: Path):
    (report / STATEMENT_NAME).unlink()
    verdict = verify(report, [LAB.public])
    assert (verdict.word, verdict.exit_code) == ("UNSIGNED", 6)
    assert STATEMENT_NAME in verdict.problems[0]


def _replace_statement(report: Path, statement: Statement, **options: str) -> None:
    (report / STATEMENT_NAME).write_bytes(sign(statement.to_json(), LAB, **options))


def _statement(*names: str, predicate_type: str = EVALUATION) -> Statement:
    return Statement(subjects=dict.fromkeys(names, "00" * 32), predicate_type=predicate_type, predicate={})


def test_a_signed_name_outside_the_report_is_not_followed(report: Path):
    (report.parent / "secret").write_bytes(b"")
    for name in ("../secret", str(report.parent / "secret"), "evidence/../../secret"):
        _replace_statement(report, _statement(name))
        verdict = verify(report, [LAB.public])
        assert verdict.word == "UNREADABLE"
        assert "not the name of a file within the report" in verdict.problems[0]


def test_another_kind_of_statement_is_not_a_report(report: Path):
    _replace_statement(report, _statement("a", predicate_type="urn:other"))
    assert verify(report, [LAB.public]).word == "UNREADABLE"
    assert verify(report, [LAB.public], predicate_type="urn:other").word == "TAMPERED"


def test_another_kind_of_payload_is_no_statement(report: Path):
    _replace_statement(report, _statement("report.json"), payload_type="text/plain")
    assert verify(report, [LAB.public]).word == "UNREADABLE"


def test_links_and_pipes_are_never_followed(report: Path):
    outside = report.parent / "outside"
    outside.write_bytes(FILES["report.json"])
    (report / "report.json").unlink()
    (report / "report.json").symlink_to(outside)  # same content, still no plain file
    (report / "folder").symlink_to(report.parent, target_is_directory=True)
    os.mkfifo(report / "pipe")
    verdict = verify(report, [LAB.public])
    assert verdict.word == "TAMPERED"
    named = {problem.split(":")[0] for problem in verdict.problems}
    assert named == {"report.json", "folder", "pipe"}
    assert "report.json: missing." in verdict.problems


def test_the_statement_itself_may_not_be_a_link(report: Path):
    (report / STATEMENT_NAME).rename(report.parent / "elsewhere")
    (report / STATEMENT_NAME).symlink_to(report.parent / "elsewhere")
    assert verify(report, [LAB.public]).word == "UNREADABLE"


def test_a_strangers_file_name_cannot_write_to_the_terminal(report: Path):
    (report / "\x1b[2Jgone").write_bytes(b"")
    problems = verify(report, [LAB.public]).problems
    assert len(problems) == 1
    assert problems[0].isprintable()


def test_an_unfinished_signing_is_cleared_away_and_hides_nothing(report: Path):
    (report / f".{STATEMENT_NAME}.tmp").write_bytes(b"half")
    assert verify(report, [LAB.public]).word == "TAMPERED"
    sign_directory(report, LAB, {})
    assert verify(report, [LAB.public]).word == "TRUSTED"


def test_what_cannot_be_signed(tmp_path: Path):
    with pytest.raises(BadInput, match="no file to sign"):
        sign_directory(tmp_path, LAB, {})
    with pytest.raises(BadInput, match="cannot be read or written"):
        sign_directory(tmp_path / "nowhere", LAB, {})
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="link is no plain file"):
        sign_directory(tmp_path, LAB, {})
    (tmp_path / "link").unlink()
    (tmp_path / "a\nb").write_bytes(b"")
    with pytest.raises(BadInput, match="cannot be named"):
        sign_directory(tmp_path, LAB, {})
    assert not (tmp_path / STATEMENT_NAME).exists()


def test_nothing_there(tmp_path: Path):
    with pytest.raises(BadInput, match="no such report"):
        verify(tmp_path / "nowhere", [])


def test_files_apart_are_neither_signed_nor_missed(tmp_path: Path):
    (tmp_path / "digests.txt").write_text("x")
    (tmp_path / "rows.jsonl").write_text("y")
    sign_directory(tmp_path, LAB, {}, apart=["rows.jsonl"])
    assert verify(tmp_path, [LAB.public], apart=["rows.jsonl"]).word == "TRUSTED"
    assert verify(tmp_path, [LAB.public]).problems == ("rows.jsonl: added after signing.",)
    (tmp_path / "rows.jsonl").unlink()
    assert verify(tmp_path, [LAB.public], apart=["rows.jsonl"]).files == 1


def test_a_file_that_was_signed_cannot_be_declared_apart_later(report: Path):
    (report / "report.json").write_bytes(b"other")
    assert verify(report, [LAB.public], apart=["report.json"]).word == "TAMPERED"


def test_what_kind_of_statement_there_is(report: Path, tmp_path: Path):
    assert statement_type(report) == statement_type(report / "report.html") == EVALUATION
    (report / STATEMENT_NAME).write_bytes(b"{}")
    assert statement_type(report) is None
    assert statement_type(tmp_path / "nowhere") is None
