"""The catalogue: every sentence a report can say, in English and in Korean, and how a sentence is filled in.

Read `Sentence` first. Findings are sentences without a language; `say` puts one into words.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Something to say, in no language yet."""

    key: str
    """Its key in the catalogue, for example ``verdict.first``."""
    params: dict[str, "str | int | Sentence"] = field(default_factory=dict)
    """What fills the gaps: names, formatted numbers, or further sentences."""


def sentence(key: str, **params: "str | int | Sentence") -> Sentence:
    """A `Sentence`, shorter to write."""
    return Sentence(key=key, params=params)


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Every text in one language, by key."""
    text = files("fairtrial.reports").joinpath("catalogue", f"{language}.json").read_text(encoding="utf-8")
    entries: dict[str, str] = json.loads(text)
    return entries


def say(what: Sentence | str, language: Language = "en") -> str:
    """The sentence in words. A plain string is taken as a key, and comes back itself when the catalogue lacks it.

    The fallback is for words that come from evidence, such as a new kind of failure: better shown raw than not at all.
    """
    if isinstance(what, str):
        return catalogue(language).get(what, what)
    filled = {
        name: say(value, language) if isinstance(value, Sentence) else value for name, value in what.params.items()
    }
    return catalogue(language)[what.key].format(**filled)


def known(prefix: str, word: str) -> Sentence | str:
    """The catalogue's sentence for a word of the evidence (a reason, a verdict), or the word itself."""
    key = f"{prefix}.{word}"
    return Sentence(key=key) if key in catalogue("en") else word
