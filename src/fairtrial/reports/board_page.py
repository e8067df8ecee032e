"""What `rank` found as one self-contained HTML page, readable without a network and without JavaScript.

Read `board_page` first; the template says what is where.
"""

from typing import Any, Literal

from markupsafe import Markup

from fairtrial.core import Board
from fairtrial.reports import accounts, chart_titles, findings
from fairtrial.reports.figures import ranking_figures
from fairtrial.reports.rankings import Ranking
from fairtrial.reports.sheet import environment, figure, policy, static, themes
from fairtrial.reports.typeset import percent


def board_page(ranking: Ranking, *, version: str, lang: Literal["auto", "en", "ko"] = "auto") -> str:
    """The page: boards, matrix, controls, method, refusals, agreement, in English and in Korean.

    Args:
        ranking: What was found.
        version: Of Fairtrial, as the page says it.
        lang: Language the page opens in; ``auto`` follows the reader's browser. The page holds both.
    """
    return environment().get_template("ranking.html.j2").render(**_context(ranking, lang), version=version)


def _context(ranking: Ranking, lang: str) -> dict[str, Any]:
    style, script = static("tokens.css") + static("report.css"), static("ranking.js")
    whole = ranking.whole
    found = ranking.agreement
    return {
        "ranking": ranking,
        "lang": lang,
        "figures": {one.key: figure(one) for one in ranking_figures(ranking)},
        "boards": _keyed(ranking),
        "headline": chart_titles.side_by_side(ranking) if ranking.parts else findings.headline(whole),
        "sizes": accounts.sizes(whole),
        "said": findings.can_be_said(whole),
        "unsaid": findings.cannot_be_said(whole),
        "alpha": percent(float(whole.fit.get("alpha", 0.05))),
        "agreement": accounts.agreement(found) if found is not None else [],
        "raters": accounts.against_rest(found) if found is not None else [],
        "themes": themes(),
        "style": Markup(style),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        "policy": policy(style, script),
    }


def _keyed(ranking: Ranking) -> dict[str, Board]:
    """Boards by a name for links: ``all``, then ``1``, ``2`` and so on."""
    return {"all" if not place else str(place): board for place, board in enumerate(ranking.boards)}
