"""What should not be published is found however it is written, and ordinary text is left alone."""

import gzip
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.privacy import Finding, masked, screen
from fairtrial.privacy._check_digits import IBAN_LENGTHS

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq0abcdefghijklmnop\n-----END RSA PRIVATE KEY-----"

# kind, the part that must go, the text around it
FOUND = [
    ("email", "hong.gildong+x@naver.com", "Write to {}로 보내세요"),
    ("email", "ｈｏｎｇ＠ｎａｖｅｒ．ｃｏｍ", "{}"),
    ("email", "ho\u200bng@na\u200dver.c\ufeffom", "to {}."),
    ("email", "hong＠naver。com", "{}"),
    ("email", "jоhn@gmаil.com", "Cyrillic letters: {}"),
    ("email", "hong @ naver.com", "at {}"),
    ("email", "hong [at] example [dot] com", "mail {}"),
    ("email", "hong골뱅이naver점com", "{}"),
    ("email", "me at gmail dot com", "write {}"),
    ("email", "hong%40naver.com", "mailto:{}"),
    ("email", "hong@naver.com", "{}(홍길동)"),
    ("phone", "010-9876-5432", "내번호는{}야"),
    ("phone", "01098765432", "{}"),
    ("phone", "010 9876 5432", "{}"),
    ("phone", "010.9876.5432", "{}"),
    ("phone", "(010) 9876-5432", "{}"),
    ("phone", "010 - 9876 - 5432", "{}"),
    ("phone", "０１０－９８７６－５４３２", "{}"),
    ("phone", "010ㅡ9876ㅡ5432", "{}"),
    ("phone", "010–9876—5432", "{}"),
    ("phone", "010·9876·5432", "{}"),
    ("phone", "010−98\u00ad76−5432", "{}"),
    ("phone", "010/9876/5432", "{}"),
    ("phone", "010_9876_5432", "{}"),
    ("phone", "010-**9876**-5432", "{}"),
    ("phone", "010\n9876-5432", "{}"),
    ("phone", "0️⃣1️⃣0️⃣-9876-5432", "{}"),
    ("phone", "٠١٠-٩٨٧٦-٥٤٣٢", "{}"),
    ("phone", "𝟎𝟏𝟎-𝟗𝟖𝟕𝟔-𝟓𝟒𝟑𝟐", "{}"),
    ("phone", "0 1 0 9 8 7 6 5 4 3 2", "{}"),
    ("phone", "O1O-9876-5432", "{}"),
    ("phone", "공일공-구팔칠육-오사삼이", "{}"),
    ("phone", "+82 10-9876-5432", "{}"),
    ("phone", "+821098765432", "{}"),
    ("phone", "82-10-9876-5432", "{}"),
    ("phone", "02-123-4567", "{}"),
    ("phone", "02)123-4567", "{}"),
    ("phone", "031 1234 5678", "{}"),
    ("phone", "0507-1234-5678", "{}"),
    ("phone", "0212345678", "전화 {}"),
    ("phone", "+1 (415) 555-2671", "{}"),
    ("phone", "415-555-2671", "{}"),
    ("phone", "(415) 555-2671", "{}"),
    ("phone", "4155552671", "call me at {}"),
    ("phone", "+44 20 7946 0958", "{}"),
    ("phone", "+33 1 23 45 67 89", "{}"),
    ("phone", "0082-10-9876-5432", "{}"),
    ("card", "4111 1111 1111 1111", "{} 12/27"),
    ("card", "4111-1111-1111-1111", "2 {}"),
    ("card", "4111111111111111", "카드번호{}유효기간"),
    ("card", "4111\u200b1111\u200b1111\u200b1111", "{}"),
    ("card", "4111.1111.1111.1111", "{}"),
    ("card", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "{}"),
    ("card", "3782 822463 10005", "{}"),
    ("card", "30569309025904", "{}"),
    ("iban", "GB82 WEST 1234 5698 7654 32", "{} and more words"),
    ("iban", "de89370400440532013000", "{}"),
    ("resident_number", "880101-1234567", "{}"),
    ("resident_number", "201103-3123456", "{}"),
    ("resident_number", "900101-5123456", "{}"),
    ("resident_number", "880101－1234567", "{}"),
    ("resident_number", "880101 - 1234567", "{}"),
    ("resident_number", "19880101-1234567", "{}"),
    ("resident_number", "8801011234567", "주민등록번호:{}입니다"),
    ("resident_number", "880101-1******", "{}"),
    ("resident_number", "8 8 0 1 0 1 - 1 2 3 4 5 6 7", "{}"),
    ("business_number", "220-81-62517", "{}"),
    ("business_number", "2208162517", "사업자등록번호 {}"),
    ("passport", "M12345678", "여권번호 {}"),
    ("passport", "M123A4567", "{}"),
    ("passport", "AB1234567", "passport no. {}"),
    ("driver_licence", "11-12-123456-78", "{}"),
    ("driver_licence", "서울-12-123456-78", "{}"),
    ("driver_licence", "111212345678", "운전면허 {}"),
    ("bank_account", "123456-01-123456", "국민은행 {}"),
    ("bank_account", "110-123-456789", "{} 신한"),
    ("bank_account", "3333-01-1234567", "카카오뱅크 {} 홍길동"),
    ("bank_account", "1234567890", "account number {}"),
    ("social_security_number", "078-05-1120", "SSN {}"),
    ("ip", "93.184.216.34", "http://{}:8080/"),
    ("ip", "8.8.8.8", "서버는 {}입니다"),
    ("ip", "8[.]8[.]8[.]8", "{}"),
    ("ip", "192.168.0.10", "{}"),
    ("ip", "2001:4860:4860::8888", "{}"),
    ("secret", "sk-proj-abc123DEF456ghi789JKL012", 'key = "{}"'),
    ("secret", "s\u200bk-proj-abc123DEF456ghi789JKL012", "{}"),
    ("secret", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "{}"),
    ("secret", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "{}."),
    ("secret", "AKIAIOSFODNN7EXAMPLE", "{}"),
    ("secret", "AIzaSyA1234567890abcdefghijklmnopqrstuv", "{}"),
    ("secret", "hf_abcdefghijklmnopqrstuvwxyz12345678", "{}"),
    ("secret", "hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh", "HF={}"),
    ("secret", "bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "{}"),
    ("secret", "xoxb-123456789012-abcdefGHIJKL", "{}"),
    ("secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "{}"),
    ("secret", "abcdef1234567890abcdef", "Authorization: Bearer {}"),
    ("secret", PEM, "my key:\n{}\nkeep it"),
    ("secret", PEM.replace("-", "–"), "{}\n"),
    ("secret", PEM.replace("\n", "\\n"), '"{}"'),
    ("secret", "bob:s3cret", "postgres://{}@db/x"),
]

ORDINARY = [
    "The meeting on 2023-01-15 at 12:30:45 cost $1,234,567.89 for 12345 people.",
    "x = a[1::2]; y = np.zeros((3, 224, 224)); W @ x.T; q @ k.transpose(-2, -1); z = q@k.transpose(0, 1)",
    "3.14159265358979323846 and 2.718281828459045 and 1.4142135623730951 and 0.4111111111111111",
    "ISBN 978-0-306-40615-7, ISBN 9788936434120, ISBN 0-306-40615-2, ISSN 2049-3630, 8801043015981",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "2^31 = 2147483648, 10! = 3628800, 123456789 * 987654321 = 121932631112635269",
    "2020-2021년 1592-1598 임진왜란, 1월 2일, 2023.01.15., 12시 30분",
    "std::cout << Face::add; a::b; dead",
    '@app.route("/x") def f(): return pytest.mark.skip  # react@18.2.0 lodash@4.17.21',
    "arXiv:2309.11998 doi:10.1145/3292500.3330701 RFC 2606 section 1.2.3.4",
    "version 1.2.3.4 v10.0.19041.1 Chrome/91.0.4472.124 127.0.0.1 0.0.0.0 255.255.255.0",
    "1609459200000 1700000000 01011010111 00101101 0b1010",
    "sk-learn-something-very-long-class-name, sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx, YOUR_API_KEY",
    "전화 요금은 1234567원이고 은행에 10000000000원이 있다. 은행이 2008-2009년 1588-1234",
    "2·3·5·7·11·13 = 30030; 5 × 10¹²; 2⁻¹⁰; +1.2345678 +1000000 + 12345678 x+12345678",
    "look at example.com and arrive at google.com, git clone https://github.com/a/b.git",
    "GDP 1 234 567 890 and 12 345 678; 100 200 300 400; 100-200-300; 2019 2020 2021 2022 2023",
    "4 8 15 16 23 42; 1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16-17; 4 5 6 7 8 9 10 11 12 13 14 15",
    "It begins with -----BEGIN RSA PRIVATE KEY----- and ends. The bearer of this responsibility",
    "Bags are microwaved at 30 seconds increments; Mon 12-25-2023, 25.12.2023, 2023/12/25 20:30",
    "우리 하나 국민 12345, 서울 02 지역, 기업 1000 곳, 계좌 3개, 입금 50,000원",
]


@pytest.mark.parametrize(("kind", "private", "around"), FOUND)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_it_is_found_where_it_stands(kind: str, private: str, around: str, form: str) -> None:
    private, around = unicodedata.normalize(form, private), unicodedata.normalize(form, around)
    text = around.format(private)
    findings = screen(text)
    assert [f.kind for f in findings] == [kind]
    assert text[findings[0].start : findings[0].end].strip(" ()") == private.strip(" ()")
    assert masked(text, findings).strip() != text.strip()
    assert screen(masked(text, findings)) == []


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert [(f.kind, text[f.start : f.end]) for f in screen(text)] == []


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("8.8.4.133", "certain"),
        ("1.2.3.4", "likely"),
        ("10.1.2.30", "likely"),
        ("880101-1234568", "certain"),
        ("8801011234568", "certain"),  # the check digit fits
        ("8801011234567", "likely"),  # it does not, and that rejects nothing
        ("2020-10 이후: 2101013999999", "likely"),
        ("4111111111111111", "likely"),
        ("card 4111111111111111", "certain"),
        ("4111 1111 1111 1111", "certain"),
        ("01098765432", "likely"),
        ("휴대폰 01098765432", "certain"),
        ("M12345678", "likely"),
        ("여권 M12345678", "certain"),
        ("a@b.com", "certain"),
        ("a@b.museum", "likely"),
    ],
)
def test_check_digits_and_words_nearby_make_it_surer(text: str, confidence: str) -> None:
    assert [f.confidence for f in screen(text)] == [confidence]


def test_what_overlaps_is_one_finding_and_the_rest_of_the_text_stays() -> None:
    text = "계좌 010-9876-5432, 메일 hong@naver.com·박@ 주민 880101-1234567"
    assert masked(text, screen(text)) == "계좌 ⟨phone⟩, 메일 ⟨email⟩·박@ 주민 ⟨resident number⟩"


def test_findings_of_another_text_are_refused() -> None:
    finding = Finding(kind="email", start=0, end=7, confidence="certain")
    assert masked("a@b.com", [finding]) == "⟨email⟩"
    with pytest.raises(ValueError, match="another|not sorted"):
        masked("a@b", [finding])
    with pytest.raises(ValueError, match="not sorted"):
        masked("a@b.com a@b.com", [finding, finding])


# --- generated numbers; check digits computed here a second time -------------------------------------------------------


@given(st.from_regex(r"4\d{14}|5[1-5]\d{13}", fullmatch=True).filter(str.isascii), st.sampled_from(["", " ", "-", "–"]))
def test_of_ten_last_digits_exactly_one_makes_a_card(start: str, gap: str) -> None:
    found = []
    for last in "0123456789":
        digits = start + last
        text = gap.join(digits[i : i + 4] for i in range(0, 16, 4))
        if any(f.kind == "card" for f in screen(text)):
            found.append(last)
    total = 0
    for place, digit in enumerate(reversed(start)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    assert found == [str(-total % 10)]


@given(st.sampled_from(sorted(IBAN_LENGTHS)), st.data())
def test_ibans_of_every_country_with_their_check_digits_only(country: str, data: st.DataObject) -> None:
    length = IBAN_LENGTHS[country] - 4
    account = data.draw(st.text("0123456789", min_size=length, max_size=length))
    number = account + str(ord(country[0]) - 55) + str(ord(country[1]) - 55)
    remainder = 0
    for digit in number + "00":
        remainder = (remainder * 10 + int(digit)) % 97
    right = 98 - remainder
    assert "iban" in {f.kind for f in screen(f"{country}{right:02d}{account}")}
    wrong = right + 1 if right < 98 else 3
    assert "iban" not in {f.kind for f in screen(f"{country}{wrong:02d}{account}")}


@given(st.dates(), st.integers(0, 999_999), st.booleans())
def test_every_resident_number_of_the_living_is_found(birth: object, tail: int, foreign: bool) -> None:
    year = int(str(birth)[:4])
    text = f"{str(birth)[2:4]}{str(birth)[5:7]}{str(birth)[8:10]}-{(3 if year >= 2000 else 1) + 4 * foreign}{tail:06d}"
    assert ("resident_number" in {f.kind for f in screen(text)}) == (
        1900 <= year <= 2050 or _reads_as_another_birth(text)
    )


def _reads_as_another_birth(text: str) -> bool:
    """A year outside the centuries is written like one inside them."""
    century = 1900 if text[7] in "1256" else 2000
    year = century + int(text[:2])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return year <= 2050 and (leap or text[2:6] != "0229")


# --- any text at all --------------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.text(max_size=8), st.sampled_from([p for _, p, _ in FOUND])), max_size=8).map("".join))
def test_findings_lie_in_the_text_sorted_and_apart(text: str) -> None:
    findings = screen(text)
    ends = [0, *(f.end for f in findings)]
    assert all(end <= f.start < f.end <= len(text) for end, f in zip(ends, findings, strict=False))
    backwards = text
    for finding in reversed(findings):
        backwards = f"{backwards[: finding.start]}⟨{finding.kind.replace('_', ' ')}⟩{backwards[finding.end :]}"
    assert masked(text, findings) == backwards


@given(st.lists(st.sampled_from(FOUND), min_size=1, max_size=6))
def test_nothing_private_is_left_among_other_private_things(chosen: list[tuple[str, str, str]]) -> None:
    text = "\n\n".join(around.format(private) for _, private, around in chosen)
    clean = masked(text, screen(text))
    assert not [private for _, private, _ in chosen if private in clean]


@pytest.mark.parametrize(
    "piece",
    ["1", "-", "a@", "1-", "4 ", "4242 ", "a@a.", "a at ", "eyJaaaaaaaaa.", "+1 ", "-----BEGIN PRIVATE KEY-----", "은행",
     "계좌 1-", "전화 1", "2001:", "sk-a1", "bearer a1", "://a:", "\u200b", "ㅡ", "ﷺ"],
)  # fmt: skip
def test_a_million_hostile_characters_come_to_an_end(piece: str) -> None:
    text = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]
    masked(text, screen(text))


# --- real prompts -----------------------------------------------------------------------------------------------------


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "most"),
    [("mt_bench", 0), ("gsm8k", 0), ("humaneval", 0), ("kobest", 1), ("korquad", 0), ("arena_hard_prompts", 25)],
)
def test_in_published_prompts_certain_findings_are_rare(folder: str, most: int) -> None:
    """Looked at one by one: those of arena_hard_prompts are made-up addresses in prompts, kobest has a hotline."""
    place = os.environ.get("FAIRTRIAL_TEST_DATA")
    if not place:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of published benchmarks")
    texts: list[str] = []
    for path in sorted(Path(place, folder).glob("*.gz")):
        if "answers" in path.name or "solutions" in path.name or "responses" in path.name:
            continue
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        texts += [text for line in lines for text in (strings(json.loads(line)) if ".json" in path.name else [line])]
    assert len(texts) > 20
    certain = Counter(
        {(f.kind, text[f.start : f.end]) for text in texts for f in screen(text) if f.confidence == "certain"}
    )
    assert len(certain) <= most, sorted(certain)
