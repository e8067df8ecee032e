import re
from string import Formatter

from fairtrial.reports.words import catalogue, known, say, sentence


def test_every_text_exists_in_both_languages_with_the_same_gaps():
    english, korean = catalogue("en"), catalogue("ko")
    assert english.keys() == korean.keys()
    for key, text in english.items():
        gaps = [{name for _, name, _, _ in Formatter().parse(words) if name} for words in (text, korean[key])]
        assert gaps[0] == gaps[1], key
        assert text
        assert korean[key]


def test_korean_is_translated():
    same = [
        key
        for key, text in catalogue("en").items()
        if text == catalogue("ko")[key] and re.search("[a-z]{2}", text.replace("{", "\0"))
    ]
    untranslated = [
        key
        for key in same
        if re.sub(r"\{\w+\}", "", catalogue("en")[key]).strip(" :,=n()") not in {"", "SHA-256", "USD"}
    ]
    assert untranslated == []


def test_sentences_nest_and_unknown_words_stay_themselves():
    inner = sentence("reason.refused")
    said = sentence("chart.failures.most", name="cot", reason=inner, count=3, n=40)
    assert say(said, "en") == "cot fails most often: refused, 3 of 40"
    assert "거절" in say(said, "ko")
    assert known("reason", "melted") == "melted"
    assert say("melted", "ko") == "melted"


def test_a_name_with_braces_is_not_a_gap():
    assert "{0.__class__}" in say(sentence("verdict.first", name="{0.__class__}"), "en")
