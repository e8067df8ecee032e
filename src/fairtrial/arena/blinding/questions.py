"""Whether a voter asks the answerers who they are. Read `asks_who` first.

Names that a voter wrote may be answered about, so they are not masked; but not where the question is which of them the
answerer is ("OpenAI or Meta: who made you? One word."), for then the bare name is the answer.
"""

import re

_ENGLISH = re.compile(
    r"\b(?:who|what|which)\b.{0,40}\b(?:are|r|made|makes|created?|built|builds|trained|trains|developed|designed|"
    r"runs|powers|owns|owned|behind)\s+(?:you|u|this\s+(?:model|answer|assistant|ai))\b"
    r"|\byour(?:self)?\b.{0,30}\b(?:name|maker|creator|developer|vendor|provider|company|lab|owner|model|version|"
    r"family|architecture|identity|origin|parent|weights|training|manufacturer)s?\b"
    r"|\b(?:name|maker|creator|developer|vendor|provider|company|lab|model|version|identity)\b.{0,30}\b(?:you|your)\b"
    r"|\b(?:are|were|aren't)\s+(?:you|u)\b|\byou(?:\s+are|'re|’re|\s+were)\b|\bidentify\s+yourself\b"
    r"|\bi\s*(?:am|was|'m|’m)\b|\b(?:trained|made|created|built|developed|designed)\s+(?:you\b|by\b)",
    re.IGNORECASE | re.DOTALL,
)
_KOREAN = re.compile(
    r"(?:너|넌|네|니|당신|그대|자네|귀하|본인|자신|스스로).{0,40}"
    r"(?:누구|이름|모델|회사|만든|만들|개발|훈련|학습|제작|정체|출신|버전|소속)"
    r"|(?:누가|어디서|어느|어떤|무슨).{0,40}(?:너를|널|당신을|만들었|개발했|훈련했|학습시)"
    r"|(?:저는|나는|제가|내가).{0,20}(?:입니다|이다|예요|이에요)",
    re.DOTALL,
)
_LONGEST = 20_000
"""Characters of a message that are looked at, from either end."""


def asks_who(text: str) -> bool:
    """Whether `text` asks, in English or Korean, whom it is talking to; rather once too often than too seldom."""
    seen = text if len(text) <= 2 * _LONGEST else text[:_LONGEST] + "\n" + text[-_LONGEST:]
    return bool(_ENGLISH.search(seen) or _KOREAN.search(seen))
