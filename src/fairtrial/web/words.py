"""What the pages say, in English and in Korean; a page is in one language. Read `Words` first.

The texts lie in ``catalogue/en`` and ``catalogue/ko``, a file for each group of pages, with equal keys.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from starlette.requests import Request

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")


class Words:
    """The texts of one language.

    Args:
        language: Which.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = catalogue(language)

    def __call__(self, key: str, **params: Any) -> str:
        """The text under `key`, its gaps filled.

        Raises:
            KeyError: There is none: a defect, found by the tests.
        """
        return self._texts[key].format(**params)

    def known(self, prefix: str, word: str, **params: Any) -> str:
        """The text for a word of the evidence (a reason, a state), or the word itself where there is none."""
        text = self._texts.get(f"{prefix}.{word}")
        return word if text is None else text.format(**params)

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with thin spaces between thousands and a true minus sign."""
        return f"{value:,.{decimals}f}".replace(",", "\u202f").replace("-", "−")

    def percent(self, share: float, decimals: int = 0) -> str:
        """A share 0 … 1 as a percentage."""
        return f"{self.number(100 * share, decimals)}%"

    def moment(self, at: str) -> str:
        """A recorded time to the minute, UTC."""
        return f"{at[:10]} {at[11:16]}" if len(at) > 10 else at


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Every text in one language, by key."""
    texts: dict[str, str] = {}
    for file in sorted(files("fairtrial.web").joinpath("catalogue", language).iterdir(), key=lambda f: f.name):
        texts |= json.loads(file.read_text(encoding="utf-8"))
    return texts


def language_of(request: Request) -> Language:
    """The language that a visitor chose, or else the one that the browser asks for first."""
    chosen = request.cookies.get("lang")
    for language in LANGUAGES:
        if chosen == language:
            return language
    wanted: list[tuple[float, int, Language]] = []
    for place, part in enumerate(request.headers.get("accept-language", "").split(",")[:20]):
        match = re.fullmatch(r"\s*(en|ko)\b[\w-]*\s*(?:;\s*q=([01](?:\.\d{1,3})?))?\s*", part, re.IGNORECASE)
        if match:
            wanted.append((-float(match[2] or 1), place, "ko" if match[1].lower() == "ko" else "en"))
    return min(wanted)[2] if wanted else "en"


def words_of(request: Request) -> Words:
    """The words for a visitor."""
    return _words(language_of(request))


@cache
def _words(language: Language) -> Words:
    return Words(language)
