"""Whether the speaker of a sentence is naming itself at a given word, in English and Korean. Read `Speaker` first.

A few states move on with each word, so that a long text costs no more per word than a short one.
"""

import re
from collections import deque

from fairtrial.arena.blinding.reading import Word


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOUNS = _words(
    """model models assistant chatbot bot ai llm slm vlm lm gpt system program version instance variant member part
    product creation agent intelligence companion helper transformer network service tool family software tune
    finetune"""
)
_ARTICLES = _words("a an the another")
# Words that may stand between "I am" and a name without changing who is meant.
_FILLERS = (
    _NOUNS
    | _ARTICLES
    | _words(
        """your one just simply indeed still also now not only large small big tiny little compact helpful
        harmless honest multilingual bilingual free open source powerful advanced new latest versatile
        artificial language machine learning deep computer virtual digital conversational generative
        pretrained pre trained neural text based chat tuned fine instruct called named known as is was am
        that which who has have had been and or to be s re m i made from state art of course conversation
        creative smart intelligent research korean chinese english french american european canadian"""
    )
)
_MADE = _words(
    """developed trained created made built designed produced released provided offered engineered programmed tuned
    finetuned powered based owned operated maintained published hosted coded invented brought distilled pretrained
    backed run running born done performed generated written authored answered"""
)
_ON = _words("based built run running distilled powered")
_PEOPLE = _words(
    """the a team teams people folks researchers engineers scientists developers experts minds company companies startup
    lab labs giant tech group division subsidiary research ai good great brilliant talented amazing here over at of in
    from and with by called named known as s conjunction collaboration partnership"""
)
_MINE = _words(
    """name names real full true own official given maker makers creator creators developer developers model underlying
    base foundation parent identity architecture engineers trainers lab codename nickname origin training response
    answer reply message output text weights existence come comes me it"""
)
_ANSWER = _words("response answer reply message text output")
_GREETINGS = _words("hi hello hey greetings welcome 안녕하세요 안녕 반갑습니다 반가워요")
_LABELS = _words("model llm assistant ai 모델 모델명")
_CLOSINGS = _words("sincerely regards yours signed")
_AFTER_I = _words("ve have go run belong come really actually currently also d ll")
_UNKNOWN_ALLOWED = 2

# What follows a name: its words folded, each after a space, a comma or a full stop.
_MAKING = "|".join(sorted(_MADE))
_NOUN = "|".join(sorted(_NOUNS))
_STAFF = "engineers|people|team|researchers|developers"
_MADE_ME = re.compile(
    rf"^(?: s)?(?: (?:{_STAFF}|has|have|had|who|that|which))? (?:{_MAKING})(?: and \w+)? me(?:$|[.,]| to | as )"
)
_IS_MINE = re.compile(
    r"^ (?:is|are|was) (?:my|the) (?:name|creator|maker|developer|company behind me|one who made me)s?\b"
)
_HERE = re.compile(r"^,? (?:here|speaking|at your service)(?:$|[.,])")
_COMMA_I = re.compile(r"^,? (?:i|my|we)\b")
_OWNER = re.compile(rf"^ s(?: \w+){{0,3}}? (?:{_NOUN})\b")
_NOUN_NEXT = re.compile(rf"^ (?:\w+ )?(?:{_NOUN}|language|based|powered|large|family|series)\b")
_STOP_NEXT = re.compile(r"^(?:$|[.,]| speaking| here)")
_SIGNED = re.compile(r"(?:—|–|--|~)\s*[*_]*$")
_MAY_TELL = re.compile(
    rf"^,|^ (?:speaking|at|s|i|my|we|{_STAFF}|has|have|had|who|that|which|is|are|was|here|{_MAKING})\b|^ ?[가-힣]"
)

_KO_SELF = re.compile(r"^(?:저는|나는|전|난|저|제가|내가|저를|나를|저의|본)$")
_KO_NAME = re.compile(r"^(?:이름|본명|모델명|정체|개발사|제작사|제작자|개발자)(?:은|는|이|가)?(?:요)?$")
_KO_TOPIC = re.compile(r".(?:은|는)$")
_KO_COPULA = re.compile(
    r"^ ?(?:입니다|이에요|예요|에요|이야|야\b|이라고|라고|이란|이며|이고|이자|인데"
    r"|이라는|라는|이죠|죠|임\b|이라 |라 합니다|라네)"
)
_KO_WHO = re.compile(r"^(?:라는|이라는) (?:이름|모델)")
_KO_MAKER = re.compile(
    r"^ ?(?:사|팀|측)?(?:에서|이|가|의|에|로부터)? ?(?!을|를|은|는|도)(?:\w+ )?"
    r"(?:의해 |연구진이 |연구팀이 |팀이 |팀에서 |기반)?"
    r"(?:\w+ )?(?:개발|만든|만들|훈련|학습|제작|설계|공개|출시|배포|운영|선보인|제공)"
)
_KO_MADE = re.compile(r"(?:개발|훈련|학습|제작|설계|출시|운영|공개)(?:했|하였|되|됐|된|받|시)|만들었|만들어")
_KO_NOUN = re.compile(r"(?:모델|인공지능|챗봇|비서|어시스턴트|도우미|(?<![a-z])ai(?![a-z])|llm|에이아이|model)")
_KO_NOUN_NEXT = re.compile(
    r"^(?:의|사의|가 만든)? ?(?:\w+ ){0,2}?"
    r"(?:모델|인공지능|챗봇|비서|어시스턴트|언어|대규모|거대|초거대|(?<![a-z])ai(?![a-z])|llm|model)"
)
_KO_MADE_ME = re.compile(
    r"^ ?이?라고 불러 ?[주줘]|^(?:사|팀)?(?:이|가|에서) (?:저를|나를|절|날) (?:개발|만들|훈련|학습|설계|제작)"
)


class Speaker:
    """Follows a text: `pass_by` each word, then ask whether a name that comes next is the speaker's own."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=3)
        self._greeted = False
        self._begun = False
        self._start()

    def _start(self) -> None:
        self._greeted = bool(self._last) and self._last[-1] in _GREETINGS
        self._last.clear()
        self._state = ""  # "", "i", "my", "as", "self", "made", "by"
        self._headless = False  # "Trained by …, I": no speaker yet
        self._weak = False  # "as …" and "this is …": less sure than "I am …"
        self._noun = False
        self._article = False
        self._unknown = 0
        self._sure = False  # the last word belongs to the pattern
        self._korean_self = False
        self._topic = False
        self._words = 0  # of this sentence, greetings aside

    def pass_by(self, word: Word, *, named: bool = False) -> None:
        """Take note of a word, or of a name that was masked (`named`)."""
        if word.script == "break" or word.gap.ends_sentence:
            self._start()
        self._begun = True
        text = word.text
        self._words += text not in _GREETINGS
        if word.script == "hangul" and not named:
            self._korean(text, attached=not word.gap.raw)
        elif named:
            self._sure = self._noun = bool(self._state)
        else:
            self._english(text)
        self._last.append(text)

    def _korean(self, text: str, *, attached: bool) -> None:
        if _KO_SELF.match(text) or (
            _KO_NAME.match(text) and self._last and self._last[-1] in {"제", "내", "저의", "나의"}
        ):
            self._korean_self = True
        elif (_KO_TOPIC.search(text) and text not in {"또는", "혹은"}) or (attached and text in {"은", "는"}):
            self._topic = True

    def _english(self, text: str) -> None:
        before = self._last[-1] if self._last else ""
        if not self._opens(text, before) and self._state:
            if self._state == "i":
                self._after_i(text, before)
            elif self._state == "my":
                self._after_my(text, before)
            else:
                self._go_on(text, before)
        self._article = text in _ARTICLES

    def _opens(self, text: str, before: str) -> bool:
        """Whether a speaker may begin to speak of itself at `text`, whatever came before in the sentence."""
        pair = (before, text)
        if text == "i":
            self._enter("i")
        elif text == "my" or (text == "me" and before in _MADE):
            self._enter("my")
        elif text in {"as", "being"} and (self._state not in {"self", "made", "by"} or before == "me"):
            self._enter("self", weak=before != "me")
        elif text in _MADE and self._words == 1:
            self._enter("made")
            self._headless = True
        elif before == "this" and (text in _ANSWER or (text == "is" and self._words == 2)):
            self._enter("self", weak=True)
            self._noun = text in _ANSWER
        elif (
            text == "im"
            or pair in {("call", "me"), ("calls", "me"), ("named", "me"), ("我", "是")}
            or (text in {"to", "with"} and before in {"talking", "chatting", "speaking", "conversing"})
        ):
            self._enter("self")
        else:
            return False
        return True

    def _enter(self, state: str, *, weak: bool = False) -> None:
        self._state, self._weak, self._noun, self._unknown, self._sure = state, weak, False, 0, True
        self._headless = False

    def _after_i(self, text: str, before: str) -> None:
        if text in {"am", "m", "was", "been"} or (text == "by" and before in {"go", "went"}):
            self._enter("self")
        elif text in {"on", "to", "from"} and before in {"run", "running", "belong", "come"}:
            self._enter("by")
        elif text not in _AFTER_I:
            self._state = ""

    def _after_my(self, text: str, before: str) -> None:
        if text in {"is", "s", "are", "at", "was", "from"}:
            if before in _MINE:
                self._enter("self")
        elif text not in _MINE:
            self._state = ""

    def _go_on(self, text: str, before: str) -> None:
        # After "I am fond …" only a noun such as "assistant", or what made it, leads back to who is speaking.
        self._sure = not self._unknown or self._noun or self._state != "self" or text == "be"
        by = text in {"by", "at", "from"} or (text in {"on", "upon"} and before in _ON)
        if text in _MADE and (self._state != "self" or not self._weak or self._noun):
            self._state = "made"
        elif (by and (self._state == "made" or self._noun)) or (
            text == "of" and self._state == "self" and before in _NOUNS
        ):
            self._state = "by"
        elif text in _NOUNS:
            self._noun = self._sure = True
        elif (
            text in _FILLERS
            or (before, text) == ("one", "of")
            or text.endswith("ly")
            or (self._state != "self" and text in _PEOPLE)
        ):
            pass
        else:
            self._unknown += 1
            self._sure = False
            if self._unknown > _UNKNOWN_ALLOWED:
                self._state = ""

    def may_name_itself(self, right: str) -> bool:
        """Whether anything that follows `right`, the start of what comes after a name, could still show that."""
        told = self._state in {"self", "by"} or self._korean_self or (self._last and self._last[-1] in _CLOSINGS)
        return bool(told) or _MAY_TELL.match(right) is not None

    def names_itself(self, word: Word, right: str, *, title_follows: bool) -> bool:
        """Whether a name that starts with `word` is the speaker's own.

        Args:
            word: The first word of the name.
            right: What follows the name: folded words, each after a space, a comma or a full stop.
            title_follows: Whether the next word starts with a capital, as a surname does.
        """
        if word.gap.ends_sentence:
            self._start()
        return (
            self._signs(word, right)
            or self._by_english(word, right, title_follows=title_follows)
            or self._by_korean(right)
        )

    def _signs(self, word: Word, right: str) -> bool:
        """Signatures, labels, appositions: ``Claude here!``, ``— Gemini``, ``Model: Llama``, ``I, Claude, …``."""
        last = self._last[-1] if self._last else ""
        here = _HERE.match(right) is not None and (not self._words or (self._words == 2 and last in {"s", "is"}))
        before = word.gap.raw
        new_line = not self._begun or "\n" in before
        label = last in _LABELS and self._words == 1 and ":" in before
        signed = last in _CLOSINGS or (new_line and _SIGNED.search(before) is not None)
        beside = (
            (last == "i" and right.startswith(",")) or (self._state == "my" and last in _MINE) or last in {"저", "나"}
        )
        return here or ((signed or label) and _STOP_NEXT.match(right) is not None) or ("," in before and beside)

    def _by_english(self, word: Word, right: str, *, title_follows: bool) -> bool:
        if _MADE_ME.match(right) or _IS_MINE.match(right):
            return True
        if self._state not in {"self", "by"} or not self._sure:
            return False
        owned = _OWNER.match(right) or _NOUN_NEXT.match(right)
        if self._headless:
            told: object = self._state == "by" and _COMMA_I.match(right)
        elif self._state == "by":
            told = not self._article or owned
        elif owned:
            told = not self._weak or self._last[-1] in _ARTICLES | _NOUNS
        elif right.startswith(" s ") or (self._article and not self._noun):
            told = False
        elif self._weak and self._last[-1] == "as":
            told = _COMMA_I.match(right)
        elif self._weak:
            told = _STOP_NEXT.match(right) and word.raw[:1].isupper()
        else:
            told = not title_follows
        return bool(told)

    def _by_korean(self, right: str) -> bool:
        if _KO_MADE_ME.match(right):
            return True
        greeted = self._greeted or (self._last and self._last[-1] in _GREETINGS)
        if greeted and not self._words and _KO_COPULA.match(right):
            return True
        if self._korean_self and (_KO_COPULA.match(right) or _KO_WHO.match(right) or _KO_NOUN_NEXT.match(right)):
            return True
        made = _KO_MAKER.match(right)
        if not made or (self._topic and not self._korean_self):
            return False
        after = right[made.start() :]
        return _KO_NOUN.search(after) is not None or (self._korean_self and _KO_MADE.search(after) is not None)
