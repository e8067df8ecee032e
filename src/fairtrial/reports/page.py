"""The report page: one self-contained HTML file that needs no network and runs nothing but its own script.

Read `write_html` first. The template says what is where; `samples.py` packs the viewer's data.
"""

import os
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from fairtrial.core import Report
from fairtrial.reports import findings
from fairtrial.reports.evidence import Evidence
from fairtrial.reports.figures import figures
from fairtrial.reports.samples import pack
from fairtrial.reports.sheet import environment, figure, json_text, policy, static
from fairtrial.reports.words import LANGUAGES, catalogue

_SCRIPT_WORDS = (
    "viewer.",
    "item.",
    "order.",
    "vote.",
    "reason.",
    "language.",
    "glyph.",
    "page.theme.",
    "no_evidence",
    "simulated",
)


def write_html(report_dir: Path, *, text: bool = True, lang: Literal["auto", "en", "ko"] = "auto") -> Path:
    """Write ``report.html`` beside report.json and its evidence files.

    Args:
        report_dir: Directory with report.json and the prompts, responses, scores, battles and votes files (JSONL).
        text: Whether item text is embedded; without it only ids, categories, scores and votes are.
        lang: Language the page opens in; ``auto`` follows the reader's browser. The page holds both.

    Returns:
        Path of the page. The same evidence writes the same bytes (with the same fonts installed).

    Raises:
        BadInput: There is no report.json.
        IntegrityError: report.json or an evidence line is damaged, or a listed evidence file is missing.
    """
    evidence = Evidence(directory=report_dir)
    report = evidence.report()
    evidence.require(sorted(report.evidence))
    page = environment().get_template("report.html.j2").render(**_context(evidence, report, text=text, lang=lang))
    path = report_dir / "report.html"
    draft = path.with_suffix(".html.part")
    draft.write_text(page, encoding="utf-8", newline="\n")
    os.replace(draft, path)  # noqa: PTH105 - a reader sees the old page or the new one, never half of one
    return path


def _context(evidence: Evidence, report: Report, *, text: bool, lang: str) -> dict[str, Any]:
    style, script = static("tokens.css") + static("report.css"), static("report.js")
    headline = findings.headline_board(report)
    return {
        "report": report,
        "lang": lang,
        "text": text,
        "packed": pack(evidence, report, text=text),
        "meta": json_text({"contestants": _contestants(report), "catalogue": _script_words()}),
        "figures": {one.key: figure(one) for one in figures(report)},
        "boards": findings.keyed_boards(report),
        "headline_board": headline,
        "headline": findings.headline(headline),
        "said": findings.can_be_said(headline),
        "unsaid": findings.cannot_be_said(headline),
        "expected": findings.expected(report),
        "name_of": findings.namer(report),
        "style": Markup(style),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        "policy": policy(style, script),
    }


def _contestants(report: Report) -> list[dict[str, Any]]:
    return [
        {"name": card["name"], "simulated": bool(card.get("model", {}).get("simulated"))} for card in report.contestants
    ]


def _script_words() -> dict[str, dict[str, str]]:
    """What the viewer says; the script itself holds no text."""
    return {
        language: {key: text for key, text in catalogue(language).items() if key.startswith(_SCRIPT_WORDS)}
        for language in LANGUAGES
    }
