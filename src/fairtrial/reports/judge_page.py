"""Judge cards as one self-contained page in English and Korean, and as a picture. Read `write_judges` first."""

from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from fairtrial.reports import judge_findings, judge_measures
from fairtrial.reports.judge_drawing import judges_figure, judges_svg
from fairtrial.reports.judges_told import Told, read_told
from fairtrial.reports.sheet import environment, figure, policy, static, themes


def write_judges(directory: Path) -> tuple[Path, Path]:
    """Write ``index.html`` and ``judges.svg`` beside cards.json, from it alone.

    Returns:
        Both paths. The same cards write the same bytes (with the same fonts installed).

    Raises:
        BadInput: There is no cards.json.
        IntegrityError: It is damaged.
    """
    told = read_told(directory)
    page, picture = directory / "index.html", directory / "judges.svg"
    page.write_text(judge_page(told), encoding="utf-8", newline="\n")
    picture.write_text(judges_svg(told), encoding="utf-8", newline="\n")
    return page, picture


def judge_page(told: Told, *, lang: Literal["auto", "en", "ko"] = "auto") -> str:
    """The page: a card a judge, its headline in plain words first, then the picture and every figure.

    Args:
        told: The cards.
        lang: Language the page opens in; ``auto`` follows the reader's browser. The page holds both.
    """
    return environment().get_template("judges.html.j2").render(**_context(told, lang))


def _context(told: Told, lang: str) -> dict[str, Any]:
    style, script = static("tokens.css") + static("report.css") + static("judges.css"), static("ranking.js")
    cards = tuple(judge_findings.ordered(told))
    categories = judge_measures.categories(cards)
    parts = ("cards", "picture", "figures", *(("categories",) if categories else ()), "evidence")
    return {
        "told": told,
        "lang": lang,
        "headline": judge_findings.headline(told),
        "about": judge_findings.about(told),
        "cards": cards,
        "parts": parts,
        "findings": judge_findings,
        "drawn": figure(judges_figure(told)),
        "rows": judge_measures.rows(cards),
        "categories": categories,
        "made": {"seed": told.seed, "injections": told.injections, **told.pairs, **told.software},
        "themes": themes(),
        "style": Markup(style),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        "policy": policy(style, script),
    }
