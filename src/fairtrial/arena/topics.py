"""Language and category of what a voter typed, by rules anyone can read. Read `language_of` first.

They label views of the board and nothing else: a rough label that is the same for everyone is worth more here than a
better one that a model made up.
"""

import re

_CODE = re.compile(
    r"```|\b(?:def|class|import|SELECT|function|console\.log|#include|public static|regex|bash)\b|[{};]\s*$",
    re.MULTILINE,
)
_MATH = re.compile(
    r"\$[^$]+\$|\\(?:frac|sum|int)|\d\s*[-+*/^=×÷]\s*\d|\b(?:solve|equation|integral|derivative|prove)\b|방정식|미분|적분|증명"
)
_SCRIPTS = (
    ("ko", re.compile(r"[\uac00-\ud7a3\u3131-\u318e]")),
    ("ja", re.compile(r"[\u3041-\u30ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
)  # fmt: skip
_LETTER = re.compile(r"[^\W\d_]")


def language_of(text: str, page: str = "en") -> str:
    """BCP 47 tag by script: a script that most letters outside ASCII, and a tenth of all, belong to.

    Latin letters say little, so they count as English unless the page was read in another Latin language.

    Args:
        text: What was typed.
        page: Language of the page that it was typed on.
    """
    letters = len(_LETTER.findall(text))
    for tag, script in _SCRIPTS:  # kana before Han: Japanese uses both
        if letters and len(script.findall(text)) >= max(1, letters / 10):
            return tag
    return "en" if page in ("ko", "ja", "zh") or not page else page


def category_of(text: str) -> str:
    """``code``, ``mathematics`` or ``other``."""
    if _CODE.search(text):
        return "code"
    return "mathematics" if _MATH.search(text) else "other"


def is_text(text: str) -> bool:
    """Whether it can be written down: halves of surrogate pairs cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
