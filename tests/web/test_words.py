"""Both catalogues say the same things; every text that a page asks for is there."""

import re
import string
from pathlib import Path

import pytest
from starlette.requests import Request

from fairtrial.web import words
from fairtrial.web.words import LANGUAGES, Words, catalogue

ROOM = Path(words.__file__).parent


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_texts_with_the_same_gaps():
    english, korean = (catalogue(language) for language in LANGUAGES)
    assert english.keys() == korean.keys()
    for key, text in english.items():
        assert gaps(text) == gaps(korean[key]), key
        assert text.strip()
        assert korean[key].strip()


def test_korean_is_korean():
    same = {"language.en", "language.ko"}
    for key, text in catalogue("ko").items():
        if re.search("[A-Za-z]{4}", text) and key not in same:
            assert re.search("[가-힣]", text) or text == catalogue("en")[key], key


def test_every_text_that_is_asked_for_is_there():
    known = catalogue("en")
    asked = set()
    for file in [*ROOM.rglob("*.j2"), *ROOM.glob("*.py")]:
        asked |= set(re.findall(r"""\bt\(\s*['"]([a-z_.0-9]+)['"]\s*[,)]""", file.read_text(encoding="utf-8")))
    assert len(asked) > 150
    assert asked - known.keys() == set()


def test_every_text_is_asked_for():
    sources = "\n".join(file.read_text(encoding="utf-8") for file in [*ROOM.rglob("*.j2"), *ROOM.glob("*.py")])
    whole = set(re.findall(r"""['"]([a-z_.0-9]+)['"]""", sources))
    # Keys that are put together: t('vote.' ~ name), f"refused.{kind}", t.known("reason", word).
    begun = re.findall(r"""['"]([a-z_.]+\.)['"]\s*~""", sources) + re.findall(r"""f['"]([a-z_.]+\.)\{""", sources)
    begun += [f"{prefix}." for prefix in re.findall(r"""known\(\s*['"]([a-z_.]+)['"]""", sources)]
    assert len(begun) > 20
    left = {key for key in catalogue("en") if key not in whole and not key.startswith(tuple(begun))}
    assert left == set()


@pytest.mark.parametrize(
    ("wanted", "cookie", "language"),
    [
        ("", "", "en"),
        ("ko", "", "ko"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "", "ko"),
        ("en;q=0.5,ko;q=0.6", "", "ko"),
        ("fr,en;q=0.1", "", "en"),
        ("fr", "", "en"),
        ("ko", "lang=en", "en"),
        ("en", "lang=ko", "ko"),
        ("en", "lang=xx", "en"),
        ("," * 5000 + "ko", "", "en"),
    ],
)
def test_the_language_of_a_visitor(wanted, cookie, language):
    headers = [(b"accept-language", wanted.encode()), (b"cookie", cookie.encode())]
    assert words.language_of(Request({"type": "http", "headers": headers})) == language


def test_numbers():
    t = Words("en")
    assert t.number(1234567) == "1\u202f234\u202f567"
    assert t.number(-1.25, 1) == "−1.2"
    assert t.percent(0.425, 1) == "42.5%"
    assert t.moment("2026-11-25T06:29:31.123Z") == "2026-11-25 06:29"
