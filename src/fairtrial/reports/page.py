"""The report page: one self-contained HTML file that needs no network and runs nothing but its own script.

Read `write_html` first. The template says what is where; `samples.py` packs the viewer's data.
"""

import base64
import hashlib
import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fairtrial.core import Report, to_json
from fairtrial.reports import findings, typeset
from fairtrial.reports.evidence import Evidence
from fairtrial.reports.figures import Figure, figures, render
from fairtrial.reports.marks import visible
from fairtrial.reports.samples import pack
from fairtrial.reports.words import LANGUAGES, Language, Sentence, catalogue, known, say, sentence

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

_ROOMS = {"wide": 600, "narrow": 350}
"""Least width in pixels of the frame that each drawing is for; the style sheet changes over at 40rem."""
_LEAST_SCALE = 0.7


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
    page = _environment().get_template("report.html.j2").render(**_context(evidence, report, text=text, lang=lang))
    path = report_dir / "report.html"
    draft = path.with_suffix(".html.part")
    draft.write_text(page, encoding="utf-8", newline="\n")
    os.replace(draft, path)  # noqa: PTH105 - a reader sees the old page or the new one, never half of one
    return path


def _context(evidence: Evidence, report: Report, *, text: bool, lang: str) -> dict[str, Any]:
    style, script = _static("report.css"), _static("report.js")
    headline = findings.headline_board(report)
    return {
        "report": report,
        "lang": lang,
        "text": text,
        "packed": pack(evidence, report, text=text),
        "meta": _json({"contestants": _contestants(report), "catalogue": _script_words()}),
        "figures": {figure.key: _figure(figure) for figure in figures(report)},
        "boards": findings.keyed_boards(report),
        "headline_board": headline,
        "headline": findings.headline(headline),
        "said": findings.can_be_said(headline),
        "unsaid": findings.cannot_be_said(headline),
        "expected": findings.expected(report),
        "name_of": findings.namer(report),
        "style": Markup(style),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        "policy": "; ".join(
            (
                "default-src 'none'",
                f"style-src '{_hash(style)}'",
                f"script-src '{_hash(script)}'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fairtrial.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        t=lambda key, **params: both(sentence(key, **params)),
        both=both,
        known=lambda prefix, word: both(known(prefix, word)),
        sentence=sentence,
        scope=findings.scope,
        board_name=findings.board_name,
        reason=findings.reason,
        judge_name=findings.judge_name,
        measures=findings.measures,
        refusals=findings.refusals,
        asides=findings.asides,
        judges_heading=findings.judges_heading,
        fit_main=findings.fit_main,
        estimate_of=typeset.estimate_of,
        unit_of=typeset.unit_of,
    )
    environment.filters.update(
        visible=visible,
        number=typeset.number,
        interval=typeset.interval,
        places=typeset.places,
        money=typeset.money,
        count=typeset.count,
        plain=_plain,
    )
    return environment


def both(what: Sentence | str) -> Markup:
    """A sentence in every language; the page shows one. A string that is no key is set as it is, marks made visible."""
    if isinstance(what, str) and what not in catalogue("en"):
        return escape(visible(what))
    texts = [say(what, language) for language in LANGUAGES]
    if len(set(texts)) == 1:
        return escape(texts[0])
    spans = (
        Markup('<span class="{0}" lang="{0}">{1}</span>').format(*pair) for pair in zip(LANGUAGES, texts, strict=True)
    )
    return Markup("").join(spans)


def _figure(figure: Figure) -> dict[str, Any]:
    """The chart once a language and once for phones, its title and caption set by the page."""
    svgs = [_drawing(figure, language, room) for language in LANGUAGES for room in _ROOMS]
    return {"key": figure.key, "title": figure.title, "caption": figure.caption, "svg": Markup("").join(svgs)}


def _drawing(figure: Figure, language: Language, room: str) -> Markup:
    svg = render(figure, lang=language, titled=False, narrow=room == "narrow")
    width = re.search(r' width="(\d+)', svg)
    # Up to a third too wide it is scaled down and can still be read; beyond that the frame scrolls.
    broad = " broad" if width and int(width[1]) * _LEAST_SCALE > _ROOMS[room] else ""
    chart = Markup(svg)  # noqa: S704 - tidied by `svg.tidy`
    return Markup('<div class="drawing {} {}{}">{}</div>').format(language, room, broad, chart)


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


def _json(value: object) -> Markup:
    """JSON that no markup can hide in."""
    text = to_json(value).decode()
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - no character of markup is left


def _plain(value: object) -> str:
    """A setting as text: strings as they are, anything else as JSON; hidden characters spelt out."""
    if isinstance(value, str):
        return visible(value)
    return "\n".join(visible(line) for line in json.dumps(value, ensure_ascii=False, indent=2).split("\n"))


def _static(name: str) -> str:
    return files("fairtrial.reports").joinpath("static", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
