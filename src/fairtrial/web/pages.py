"""A page: a template, the visitor's language and settings, and what every page shares. Read `page` first."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

import fairtrial
from fairtrial.reports.marks import visible
from fairtrial.web.rendering import render, shown
from fairtrial.web.security import HEADERS
from fairtrial.web.words import LANGUAGES, words_of

THEMES = ("auto", "light", "dark")
PLACES = ("battle", "board", "integrity", "data", "about")
"""What the head of every page leads to."""


def page(request: Request, template: str, *, status: int = 200, place: str = "", **context: Any) -> HTMLResponse:
    """Render a template for a visitor.

    Args:
        request: Whose language, theme and settings are used.
        template: Its name, without ``.html.j2``.
        status: HTTP status.
        place: One of `PLACES`, marked in the head of the page.
        context: What the template says it needs.
    """
    words = words_of(request)
    theme = request.cookies.get("theme", "auto")
    shared = {
        "t": words,
        "lang": words.language,
        "languages": LANGUAGES,
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "shortcuts": request.cookies.get("shortcuts") != "off",
        "place": place,
        "places": PLACES,
        "here": request.url.path,
        "site": request.app.state.arena.settings,
        "version": fairtrial.__version__,
    }
    html = environment().get_template(f"{template}.html.j2").render(shared | context)
    # The guard sets these too; but the page about a defect of ours is sent past it.
    return HTMLResponse(html, status_code=status, headers=HEADERS | {"Cache-Control": "no-store"})


@cache
def environment() -> Environment:
    """Templates; every value is escaped, a missing one is an error."""
    made = Environment(
        loader=PackageLoader("fairtrial.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(visible=visible, visible_lines=shown, markdown=render)
    return made
