import base64
import dataclasses
import gzip
import hashlib
import json
import re

import pytest

from fairtrial.core import BadInput, IntegrityError, canonical_json
from fairtrial.reports import write_html
from fairtrial.reports.evidence import Evidence
from fairtrial.reports.samples import pack
from fairtrial.reports.sheet import static as _static


def unpacked(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))


def block_of(page, name):
    return re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL).group(1)


def test_the_page_is_one_small_file_that_runs_only_its_own_script(written):
    directory, _, page = written
    path = directory / "report.html"
    assert path.stat().st_size < 1_500_000
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        [body] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r'\s(style|on\w+)="', page)
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert not list(directory.glob("*.part"))


def test_the_same_evidence_writes_the_same_page(written, make_up):
    again, _ = make_up()
    assert write_html(again).read_text() == written[2]


def test_every_number_of_the_board_is_on_the_page(written):
    _, report, page = written
    for row in report.boards[1].models:
        assert f"{row.score * 100:.1f}" in page
        assert f"[{row.score_ci[0] * 100:.1f}, {row.score_ci[1] * 100:.1f}]" in page
    for verdict in ("better", "inconclusive"):
        assert f'<tr class="{verdict}">' in page
    assert page.index('id="board-scorer"') < page.index('id="board-judge"')
    for name, sha in report.evidence.items():
        assert name in page
        assert sha in page
    assert "fairtrial verify DIR" in page
    assert "no evidence" in page


def test_hostile_text_is_only_ever_text(written):
    _, _, page = written
    assert "<script>alert(1)" not in page
    assert "persona <b>" not in page
    assert "window.pwned" not in page  # it travels packed
    blocks = [unpacked(block_of(page, f"block-{i}")) for i in range(page.count('id="block-'))]
    texts = [turn for block in blocks for item in block for answer in item["answers"] for turn in answer["turns"]]
    assert any("window.pwned = 1" in text for text in texts)


def test_samples_join_answers_scores_battles_and_votes(make_up):
    directory, report = make_up()
    packed = pack(Evidence(directory=directory), report)
    items = [item for block in packed.blocks for item in unpacked(block)]
    index = unpacked(packed.index)
    assert (packed.items, packed.shown, packed.total) == (40, 200, 200)
    assert [item["key"] for item in items] == [f"item-{i:05d}" for i in range(40)] == index["key"]
    assert [answer["contestant"] for answer in items[0]["answers"]] == [0, 1, 2, 3, 4]
    assert sum(len(battle["votes"]) for item in items for battle in item["battles"]) == 30
    reasons = [json.loads(line)["reason"] for line in (directory / "scores.jsonl").read_text().splitlines()]
    assert sorted(r for row in index["outcomes"] for cell in row for r in cell) == sorted(reasons)


def test_without_text_no_word_of_an_item_is_embedded(make_up):
    directory, report = make_up()  # the files hold text; the page must not
    packed = pack(Evidence(directory=directory), report, text=False)
    everything = json.dumps([unpacked(block) for block in packed.blocks], ensure_ascii=False)
    for word in ("What is", "얼마", "Be brief", "The answer is", "Carry the one", "log_odds", "extracted"):
        assert word not in everything
    assert "item-00003" in everything
    assert "The answer is" in json.dumps(
        [unpacked(block) for block in pack(Evidence(directory=directory), report).blocks]
    )


def test_a_large_trial_embeds_failures_first_then_a_seeded_sample_and_says_so(make_up):
    directory, report = make_up(prompts=200)
    packed = pack(Evidence(directory=directory), report, most=700)
    assert packed.total == 1000
    assert 690 < packed.shown <= 700
    outcomes = unpacked(packed.index)["outcomes"]
    bad = {"truncated", "refused", "failed", "unparsable"}
    failing = sum(any(set(cell) & bad for cell in row) for row in outcomes)
    scores = [json.loads(line) for line in (directory / "scores.jsonl").read_text().splitlines()]
    assert failing == len({score["prompt"] for score in scores if score["reason"] in bad})
    assert packed == pack(Evidence(directory=directory), report, most=700)


def test_very_long_texts_are_cut_and_counted(make_up):
    directory, report = make_up(prompts=2)
    lines = (directory / "responses.jsonl").read_text().splitlines()
    first = json.loads(lines[0]) | {"turns": ["y" * 25_000]}
    (directory / "responses.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]))
    answers = unpacked(pack(Evidence(directory=directory), report).blocks[0])[0]["answers"]
    assert ["y" * 20_000, 5_000] in [turn for answer in answers for turn in answer["turns"]]


def test_bad_directories_are_named(make_up, tmp_path):
    with pytest.raises(BadInput, match=r"report\.json"):
        write_html(tmp_path / "nowhere")
    directory, _ = make_up()
    (directory / "votes.jsonl").write_bytes(b'{"battle": "x", "evaluator": "y"}\n{"battle": 3}\n')
    with pytest.raises(IntegrityError, match=r"votes\.jsonl, row 2"):
        write_html(directory)
    (directory / "votes.jsonl").unlink()
    with pytest.raises(IntegrityError, match=r"votes\.jsonl: the report lists"):
        write_html(directory)
    (directory / "report.json").write_bytes(b"{}")
    with pytest.raises(IntegrityError):
        write_html(directory)


def test_evidence_without_text_makes_a_page_too(make_up):
    directory, report = make_up(prompts=4, text=False)
    (directory / "report.json").write_bytes(
        canonical_json(dataclasses.replace(report, boards=(), strata=(), judges=(), failures=()))
    )
    assert "Item text is left out" in write_html(directory, text=False).read_text()


def test_an_empty_report_prints_no_evidence(empty_report, tmp_path):
    (tmp_path / "report.json").write_bytes(canonical_json(empty_report))
    page = write_html(tmp_path).read_text()
    assert "No evidence: nothing was ranked" in page
    assert page.count("no evidence") > 4


def test_every_table_and_chart_can_be_read_aloud(written):
    _, _, page = written
    for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
        assert "<caption>" in table
        assert 'scope="col"' in table
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ids = re.search(r'aria-labelledby="(\S+) (\S+)"', svg).groups()
        assert all(f'id="{name}"' in svg for name in ids)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_colours_are_readable_in_light_and_dark(contrast):
    tokens = dict(re.findall(r"--(\w+): light-dark\(([^)]+)\)", _static("tokens.css")))
    assert set(tokens) == {"paper", "panel", "ink", "muted", "line", "edge", "accent", "alarm"}
    for side in (0, 1):
        colour = {name: pair.split(", ")[side] for name, pair in tokens.items()}
        for paper in ("paper", "panel"):
            for text in ("ink", "muted", "accent", "alarm"):
                assert contrast(colour[text], colour[paper]) >= 4.5, (text, paper, side)
            assert contrast(colour["edge"], colour[paper]) >= 3, (paper, side)
    outside = _static("report.css")
    from fairtrial.reports import drawing

    drawn = {drawing.INK, drawing.FAINT, drawing.ACCENT, drawing.ALARM}
    assert set(re.findall(r"#[0-9a-f]{3,8}\b", outside)) == drawn  # only to re-colour charts


def test_the_script_holds_no_text_and_builds_no_markup():
    script = re.sub(r"//[^\n]*", "", _static("report.js"))
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "DOMParser",
        "fetch(",
    ):
        assert forbidden not in script
    literals = re.findall(r'"([^"\n]*)"', script)
    assert not [text for text in literals if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", text) and text != "use strict"]
    assert script.isascii() or set(re.findall(r"[^\x00-\x7f]", script)) <= {"·", "→"}


def test_the_language_of_the_page_can_be_set(make_up, empty_report, tmp_path):
    (tmp_path / "report.json").write_bytes(canonical_json(dataclasses.replace(empty_report, name="빈 보고서")))
    page = write_html(tmp_path, lang="ko").read_text()
    assert '<html lang="ko" data-language="ko">' in page
    assert "빈 보고서" in page


def test_a_trial_without_judges_has_no_section_for_them(make_up, written):
    assert 'href="#judges"' in written[2]
    assert "Judges on trial" in written[2]
    directory, report = make_up(prompts=4)
    without = dataclasses.replace(report, boards=(), strata=(), judges=(), failures=())
    (directory / "report.json").write_bytes(canonical_json(without))
    page = write_html(directory).read_text()
    assert 'id="judges"' not in page
    assert 'href="#judges"' not in page
