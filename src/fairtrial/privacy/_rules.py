"""What personal data and secrets look like: one pattern each, and how sure a match makes us. Read `RULES` first.

Patterns run on folded text. Every repetition is bounded, or possessive behind a look-behind that lets it start only
once in a run: time grows with the text's length and not faster, whatever the text.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fairtrial.privacy import _check_digits as check

Kind = Literal[
    "secret",
    "email",
    "resident_number",
    "card",
    "iban",
    "phone",
    "business_number",
    "driver_licence",
    "passport",
    "social_security_number",
    "bank_account",
    "ip",
]
Confidence = Literal["certain", "likely"]
_Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and its judge, who may still say no; the finding is the pattern's group ``hit``, or the whole match."""

    kind: Kind
    pattern: re.Pattern[str]
    judge: Callable[[_Match], Confidence | None]


def _certain(_: _Match) -> Confidence:
    return "certain"


def _likely(_: _Match) -> Confidence:
    return "likely"


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _before(match: _Match, words: re.Pattern[str], reach: int = 24) -> bool:
    """Whether one of `words` stands shortly before the match."""
    return words.search(match.string, max(0, match.start() - reach), match.start()) is not None


# --- e-mail -----------------------------------------------------------------------------------------------------------

# Latin, Greek and Cyrillic (so that a look-alike letter does not hide an address), but not Hangul, which follows
# addresses without a space.
_L = r"A-Za-z0-9\u00c0-\u052f"
_TOP = "com|net|org|edu|gov|mil|int|info|biz|name|dev|app|online|site|tech|cloud|email|shop|store|blog|xyz|pro|[a-z]{2}"
_COMMON_TOP = re.compile(_TOP, re.IGNORECASE)
_EMAIL = re.compile(
    rf"[{_L}_][{_L}_.+'\-]{{0,63}}+(?:@|%40|&#64;)(?:[{_L}][{_L}\-]{{0,62}}\.){{1,6}}"
    r"(?P<top>xn--[A-Za-z0-9\-]{2,59}|[A-Za-z\u00c0-\u052f]{2,24})(?![A-Za-z])"
)
_AT = r"(?: ?@ ?| ?[\[({<] ?(?:at|골뱅이|@) ?[\])}>] ?| ?골뱅이 ?| at )"
_DOT = r"(?:\.| ?[\[({<] ?(?:dot|점|\.) ?[\])}>] ?| ?점 ?| dot )"
_EMAIL_SPELT = re.compile(
    rf"(?<![A-Za-z0-9._+\-])[A-Za-z0-9._+\-]{{1,64}}+(?P<at>{_AT})"
    rf"[A-Za-z0-9\-]{{1,63}}(?P<dot>{_DOT})(?:[A-Za-z0-9\-]{{1,63}}{_DOT}){{0,2}}(?:{_TOP})(?![A-Za-z])",
    re.IGNORECASE,
)


def _judge_email(match: _Match) -> Confidence | None:
    if _COMMON_TOP.fullmatch(match["top"]):
        return "certain"
    return None if match.string[match.end() : match.end() + 1] in {"(", "["} else "likely"  # code: q@k.transpose(…)


def _judge_spelt_email(match: _Match) -> Confidence | None:
    """'see you at example.com' is no address; 'me at example dot com' is."""
    plain_at = match["at"].lower() == " at "
    return None if plain_at and match["dot"] == "." else "likely"


# --- telephone --------------------------------------------------------------------------------------------------------

_S = r"[ .\-]{0,3}"
_AREA = r"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50[2-8])"
_COUNTRY = (  # calling codes (ITU-T E.164)
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])\d)"
)
_AMOUNT = r"(?! ?(?:원|만|억|명|개|대|달러|won|dollar|people|users|USD|KRW|%|=))"
_PHONE_WORDS = (
    r"(?<!⟨)(?<![A-Za-z])(?i:tel|telephone|phone|mobile|cell|fax|whatsapp|call(?: me| us)? (?:at|on))(?![A-Za-z])"
    r"|전화|연락처|휴대폰|핸드폰|팩스|폰번호"
)
_PHONE_WORD = re.compile(_PHONE_WORDS)
_KOREAN_MOBILE = re.compile(
    r"(?<!\d)(?:0|82[ .)\-+]{1,3}0?)1[016-9][ .)\-_/~*\\\n]{0,4}\d{3,4}[ .\-_/~*\\\n]{0,4}\d{4}(?!\d)"
)
_KOREAN_MOBILE_SPACED = re.compile(  # digit by digit
    r"(?<!\d)(?<!\d[ .\-])0([ .\-]{1,3})1\1[016-9](?:[ .\-]{1,3}\d){8}(?![ .\-]{0,3}\d)"
)
_KOREAN_MOBILE_LETTERS = re.compile(  # O and l for 0 and 1
    r"(?<![0-9A-Za-z])[0Oo][1lI][0Oo][ .\-]{1,3}[\dOolI]{3,4}[ .\-]{1,3}[\dOolI]{4}(?![0-9A-Za-z])"
    r"|(?:공|영)일(?:공|영)[ \-]{0,3}[공영일이삼사오육륙칠팔구]{3,4}[ \-]{0,3}[공영일이삼사오육륙칠팔구]{4}"
)
_KOREAN_LINE = re.compile(rf"(?<!\d)(?<!\d[.\-])\(?0{_AREA}[ .)\-]{{1,3}}\d{{3,4}}[ .\-]{{1,3}}\d{{4}}(?!\d|-\d)")
_AMERICAN = re.compile(r"(?<!\d)(?<!\d[ .\-])(?:1[ .\-])?(?:\(\d{3}\) ?|\d{3}[ .\-])\d{3}[ .\-]\d{4}(?!\d|[ .\-]\d)")
_INTERNATIONAL = re.compile(rf"(?<![0-9A-Za-z)=+])(?:\+|00[ \-]?){_COUNTRY}(?:[ ().\-]{{0,3}}\d){{6,13}}(?!\d)")
_NAMED_PHONE = re.compile(
    rf"(?:{_PHONE_WORDS})[^\d\n$₩€£]{{0,12}}(?P<hit>\d(?:[ ().\-]{{0,3}}\d){{6,14}})(?!\d){_AMOUNT}"
)
_DATE = re.compile(r"(?:19|20)\d\d([.\- ]{1,2})\d{1,2}\1\d{1,2}(?!\d)")


def _judge_mobile(match: _Match) -> Confidence | None:
    number = match[0]
    if set(_digits(number)) <= {"0", "1"} and "-" not in number:
        return None  # binary
    if "\n" in number:
        return "likely"
    named = _before(match, _PHONE_WORD)
    if number.isdecimal():
        if re.match(r"[0-9A-Fa-f_.]", match.string[max(0, match.start() - 1) : match.start()]):
            return None  # inside a hash or a fraction
        return "certain" if named else "likely"
    return "certain" if named or "-" in number or number.startswith("010") else "likely"


def _judge_spaced_mobile(match: _Match) -> Confidence | None:
    return None if set(_digits(match[0])) <= {"0", "1"} else "likely"


def _judge_line(match: _Match) -> Confidence:
    return "certain" if "-" in match[0] or ")" in match[0] or _before(match, _PHONE_WORD) else "likely"


def _judge_american(match: _Match) -> Confidence:
    area_first = re.search(r"(?:^|\()[2-9]|1[ .\-]\(?[2-9]", match[0]) is not None
    return "certain" if area_first and ("-" in match[0] or "(" in match[0]) else "likely"


def _judge_international(match: _Match) -> Confidence | None:
    number = match[0]
    breaks = re.findall(r"[ ().\-]+", number)
    if breaks == ["."] or (not breaks and (number[0] == "0" or len(number) < 10)):
        return None  # a signed fraction; a plain number
    thousands = re.fullmatch(r"\+\d{1,3}(?: 000| \d00)+", number)
    if thousands or (number[0] == "0" and not re.match(rf"00[ \-]?{_COUNTRY}[ \-(]", number)):
        return None
    return "certain" if len(_digits(number)) >= 9 and number[0] == "+" else "likely"


def _judge_named_phone(match: _Match) -> Confidence | None:
    return None if _DATE.match(match["hit"]) else "likely"


# --- numbers of cards, accounts and persons ---------------------------------------------------------------------------

_CARD_WORD = re.compile(r"카드|(?i:card|visa|amex|master)")
# Look-aheads: a match that fails its check digit must not hide the next start.
_CARD = re.compile(r"(?<!\d)(?<!\d\.)(?<!\d{4}[ \-])(?=(?P<hit>[2-69]\d{3}(?:[ .\-_]{0,3}\d{4}){3})(?!\d|[ \-]\d{4}))")
_CARD_OTHER = re.compile(
    r"(?<!\d)(?<!\d[.\-])(?=(?P<hit>3[47]\d\d[ .\-_]{0,3}\d{6}[ .\-_]{0,3}\d{5}"
    r"|3[068]\d\d[ .\-_]{0,3}\d{6}[ .\-_]{0,3}\d{4}"
    r"|[46]\d{3}(?:[ .\-_]{0,3}\d{4}){3}[ .\-_]{0,3}\d{3}|[2-69](?P<gap>[ \-])\d(?:(?P=gap)\d){14}(?![ \-]\d))(?!\d))"
)
_CARD_START = re.compile(r"4|5[1-5]|2[2-7]|6[0245]|3[0-8]|9")
_CARD_GROUPS = re.compile(r"\d{4}([ .\-_]{1,3})\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ .\-_]{1,3})\d{6}\2\d{4,5}")
_IBAN = re.compile(
    "(?<![A-Za-z0-9])(?:"
    + "|".join(rf"{c}[ \-]?\d\d(?:[ \-]?[A-Z0-9]){{{n - 4}}}" for c, n in check.IBAN_LENGTHS.items())
    + ")(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_RESIDENT = re.compile(
    r"(?<!\d)(?<!\d\.)(?:(?:19|20)(?=\d{6}[ \-]))?(?P<birth>\d(?:[ .\-]?\d){5})(?P<dash>[ .\-_/~]{0,3})"
    r"(?P<tail>[1-8](?:(?: ?\d){6}|[*xX●○]{6}))(?!\d)"
)
_BUSINESS = re.compile(r"(?<![\d\-])\d{3}[ .\-]{1,3}\d{2}[ .\-]{1,3}\d{5}(?![\d\-])|(?<!\d)(?<!\d\.)\d{10}(?!\d)")
_BUSINESS_WORD = re.compile(r"사업자|(?i:business reg|brn)")
_LICENCE_WORD = re.compile(r"면허|(?i:licen[cs]e)")
_REGION = "서울|부산|대구|인천|광주|대전|울산|경기|강원|충북|충남|전북|전남|경북|경남|제주"
_LICENCE = re.compile(
    rf"(?<!\d)(?:(?:1[1-9]|2[0-8]|{_REGION})[ \-]{{1,3}}\d\d[ \-]{{1,3}}\d{{6}}[ \-]{{1,3}}\d\d"
    r"|(?:1[1-9]|2[0-8])\d{10})(?!\d)"
)
_PASSPORT_WORD = re.compile(r"여권|(?i:passport)")
_PASSPORT = re.compile(r"(?<![A-Za-z0-9])(?:[MSRODG]\d{8}|[MSRODG]\d{3}[A-Z]\d{4})(?![A-Za-z0-9])")
_FOREIGN_PASSPORT = re.compile(
    r"(?i:passport|여권)[^\d\n]{0,16}?(?P<hit>(?<![A-Za-z])[A-Za-z]{0,2}\d{7,9})(?![A-Za-z0-9])"
)
_SOCIAL = re.compile(r"(?<![\d\-])(?!000|666|9)\d{3}([ \-])(?!00)\d\d\1(?!0000)\d{4}(?![\d\-])")
_SOCIAL_WORD = re.compile(r"(?i:ssn|social security)")
_ACCOUNT = r"(?:\d{2,6}(?: ?- ?\d{1,7}){1,4}|\d{10,14})"
_BANK = (
    r"(?:은행|계좌|입금|송금|예금주|농협|신한|카카오뱅크|카뱅|토스뱅크|케이뱅크|새마을금고|우체국|수협|신협"
    r"|(?:국민|우리|하나|기업|토스|부산|대구|광주|전북|경남|제주)(?= ?:? ?\d)"
    r"|(?i:bank account|account (?:no\b|number|#)|acct))"
)
_BANK_FIRST = re.compile(rf"{_BANK}[^\d\n$₩€£]{{0,20}}(?P<hit>{_ACCOUNT})(?!\d){_AMOUNT}")
_BANK_AFTER = re.compile(rf"(?<![\d\-])(?P<hit>{_ACCOUNT})(?!\d)[ ,(/]{{0,3}}{_BANK}")


def _judge_card(match: _Match) -> Confidence | None:
    digits = _digits(match["hit"])
    if not _CARD_START.match(digits) or not check.luhn(digits):
        return None
    grouped = _CARD_GROUPS.fullmatch(match["hit"]) is not None
    return "certain" if grouped or _before(match, _CARD_WORD) else "likely"


def _judge_iban(match: _Match) -> Confidence | None:
    account = re.sub(r"[ \-]", "", match[0]).upper()
    # Ordinary words pass modulo 97 now and then; accounts are mostly digits.
    return "certain" if len(_digits(account)) >= 8 and check.iban(account) else None


def _judge_resident(match: _Match) -> Confidence | None:
    digits = _digits(match["birth"] + match["tail"])
    split = not match["birth"].isdecimal() or " " in match["tail"]
    if not check.resident_birth(digits) or (split and "-" not in match["dash"]):
        return None
    if len(digits) != 13:
        return "likely"  # the tail is masked already; the birth date and the sex are not
    return "certain" if "-" in match["dash"] or check.resident_number(digits) else "likely"


def _judge_business(match: _Match) -> Confidence | None:
    if not check.business_number(_digits(match[0])):
        return None
    if _before(match, _BUSINESS_WORD):
        return "certain"
    return "likely" if "-" in match[0] else None


def _judge_licence(match: _Match) -> Confidence | None:
    if _before(match, _LICENCE_WORD):
        return "certain"
    return "certain" if match[0].count("-") >= 3 else None


def _judge_passport(match: _Match) -> Confidence | None:
    if _before(match, _PASSPORT_WORD):
        return "certain"
    return "likely" if match[0].startswith("M") else None


def _judge_social(match: _Match) -> Confidence | None:
    if _before(match, _SOCIAL_WORD):
        return "certain"
    return "likely" if match[1] == "-" else None


def _judge_account(match: _Match) -> Confidence | None:
    number = match["hit"]
    if not 10 <= len(_digits(number)) <= 16:
        return None
    return "certain" if number.count("-") >= 2 else "likely"


# --- addresses of machines --------------------------------------------------------------------------------------------

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"(?<![0-9A-Za-z_.])(?:{_OCTET}(?:\.|\[\.\])){{3}}{_OCTET}(?!\d|\.\d|-?[A-Za-z])")
_IPV6 = re.compile(
    r"(?<![0-9A-Za-z:.])(?:[23][0-9A-Fa-f]{3}|[Ff][CcDdEe][0-9A-Fa-f]{2}):[0-9A-Fa-f:]{2,36}(?![0-9A-Za-z])"
)
_VERSION_WORD = re.compile(r"(?i:version|ver\.?|release|section|chapter|§) ?:? ?$|버전 ?:? ?$")


def _judge_ipv4(match: _Match) -> Confidence | None:
    address = ipaddress.IPv4Address(match[0].replace("[.]", "."))
    octets = address.packed
    if address.is_loopback or address.is_unspecified or address.is_multicast or octets[0] in {0, 255}:
        return None
    if _before(match, _VERSION_WORD, 12):
        return None
    return "certain" if address.is_global and max(octets) >= 32 else "likely"  # 1.2.3.4 may be a version or a section


def _judge_ipv6(match: _Match) -> Confidence | None:
    try:
        address = ipaddress.IPv6Address(match[0].rstrip(":") if not match[0].endswith("::") else match[0])
    except ValueError:
        return None
    return "certain" if address.is_global else "likely"


# --- secrets ----------------------------------------------------------------------------------------------------------

_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?P<mixed>sk-[A-Za-z0-9_\-]{20,300}|xox[abeoprs]-[A-Za-z0-9\-]{10,300}"
    r"|[sprw]k_(?:live|test)_[A-Za-z0-9]{16,250}|(?:gsk|r8|npm|tgp)_[A-Za-z0-9_]{30,120}"
    r"|(?:xai|pplx|nvapi|glpat|pypi)-[A-Za-z0-9_\-]{20,300})"
    r"|hf_(?=[a-z]{0,99}[A-Z0-9])[A-Za-z0-9]{20,100}|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])|AIza[0-9A-Za-z_\-]{35}"
    r"|SG\.[A-Za-z0-9_\-]{16,64}\.[A-Za-z0-9_\-]{16,64}|(?:bot)?\d{8,10}:AA[A-Za-z0-9_\-]{30,40}"
    r")"
)
_JWT = re.compile(
    r"(?<![A-Za-z0-9_\-])eyJ[A-Za-z0-9_\-]{8,100000}+\.eyJ[A-Za-z0-9_\-]{5,100000}+(?:\.[A-Za-z0-9_\-]{0,100000}+)?"
)
_BEARER = re.compile(
    r"(?i:(?<![A-Za-z])(?:bearer|authorization[\"']? ?[:=] ?[\"']?(?:basic|token))[ \t]{1,3})"
    r"(?P<hit>[A-Za-z0-9._~+/\-]{16,100000}+={0,2})"
)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<body>(?:[^\-]|-(?!----)){0,20000}+)"
    r"(?:-----END [A-Z0-9 ]{0,60}-----)?"
)
_PEM_BODY = re.compile(r"[A-Za-z0-9+/]{24}")
_URL_PASSWORD = re.compile(r"://(?P<hit>[^\s/:@]{1,64}:[^\s/@]{1,64})@[A-Za-z0-9\[]")


def _judge_key(match: _Match) -> Confidence | None:
    """Names such as ``sk-folding-cube`` and stand-ins such as ``sk-xxxx`` have no digit; keys do."""
    return "certain" if match["mixed"] is None or re.search(r"\d", match["mixed"][3:]) else None


def _judge_bearer(match: _Match) -> Confidence | None:
    token = match["hit"]
    return "certain" if re.search(r"\d", token) and re.search(r"[A-Za-z]", token) else None


def _judge_pem(match: _Match) -> Confidence | None:
    return "certain" if _PEM_BODY.search(match["body"]) else None


RULES: tuple[Rule, ...] = (
    Rule("secret", _PEM, _judge_pem),
    Rule("secret", _JWT, _certain),
    Rule("secret", _KEY, _judge_key),
    Rule("secret", _BEARER, _judge_bearer),
    Rule("secret", _URL_PASSWORD, _certain),
    Rule("email", _EMAIL, _judge_email),
    Rule("email", _EMAIL_SPELT, _judge_spelt_email),
    Rule("resident_number", _RESIDENT, _judge_resident),
    Rule("card", _CARD, _judge_card),
    Rule("card", _CARD_OTHER, _judge_card),
    Rule("iban", _IBAN, _judge_iban),
    Rule("driver_licence", _LICENCE, _judge_licence),
    Rule("phone", _KOREAN_MOBILE, _judge_mobile),
    Rule("phone", _KOREAN_MOBILE_SPACED, _judge_spaced_mobile),
    Rule("phone", _KOREAN_MOBILE_LETTERS, _likely),
    Rule("phone", _KOREAN_LINE, _judge_line),
    Rule("phone", _AMERICAN, _judge_american),
    Rule("phone", _INTERNATIONAL, _judge_international),
    Rule("business_number", _BUSINESS, _judge_business),
    Rule("passport", _PASSPORT, _judge_passport),
    Rule("passport", _FOREIGN_PASSPORT, _likely),
    Rule("social_security_number", _SOCIAL, _judge_social),
    Rule("bank_account", _BANK_FIRST, _judge_account),
    Rule("bank_account", _BANK_AFTER, _judge_account),
    Rule("phone", _NAMED_PHONE, _judge_named_phone),
    Rule("ip", _IPV4, _judge_ipv4),
    Rule("ip", _IPV6, _judge_ipv6),
)
"""In the order in which they win where two match the same place with the same confidence."""
