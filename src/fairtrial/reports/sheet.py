"""What every page shares: the template environment, texts in both languages, charts, styles, the security policy.

Read `environment` first. `page.py` renders a trial's report, `board_page.py` what `rank` found.
"""

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fairtrial.core import to_json
from fairtrial.reports import accounts, findings, judge_measures, typeset
from fairtrial.reports.figures import Figure, render
from fairtrial.reports.marks import visible
from fairtrial.reports.refusals import in_words
from fairtrial.reports.words import LANGUAGES, Language, Sentence, catalogue, known, say, sentence

_ROOMS = {"wide": 600, "narrow": 350}
"""Least width in pixels of the frame that each drawing is for; the style sheet changes over at 40rem."""
_LEAST_SCALE = 0.7


def environment() -> Environment:
    """Templates with the words, findings and formats that they use; every value is escaped."""
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
        in_words=in_words,
        account=accounts.account,
        separation=accounts.separation,
        clusters=accounts.clusters,
        controls=accounts.controls,
        control_name=accounts.control_name,
        level_of=accounts.level_of,
        raw_rows=lambda board: {row.name: row for row in board.raw.models} if board.raw is not None else {},
        shown_pairs=findings.shown_pairs,
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
        decimal=typeset.decimal,
        fixed=typeset.fixed,
        span=typeset.span_of,
        estimate=judge_measures.estimate,
        bounds=judge_measures.bounds,
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


def figure(figure: Figure) -> dict[str, Any]:
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


def themes() -> dict[Language, dict[str, str]]:
    """What the choice of a theme says, by language."""
    return {
        language: {name: say(f"page.theme.{name}", language) for name in ("auto", "light", "dark")}
        for language in LANGUAGES
    }


def json_text(value: object) -> Markup:
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


def static(name: str) -> str:
    """A file of the house: a style sheet, a script."""
    return files("fairtrial.reports").joinpath("static", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy(style: str, script: str) -> str:
    """The content security policy of a page that runs nothing but its own script and fetches nothing."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
