import pytest

from fairtrial.reports.marks import has_hangul, romanised, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain, 한국어, 日本語, emoji 🙂", "plain, 한국어, 日本語, emoji 🙂"),
        ("a\u202eb", "a⟨RLO⟩b"),
        ("a\u200bb", "a⟨ZWSP⟩b"),
        ("\x1b[31mred", "⟨ESC⟩[31mred"),
        ("two\r\nlines\tand tab", "two lines and tab"),
        ("\ud800", "⟨U+D800⟩"),
        ("\x00\x9b", "⟨U+0000⟩⟨U+009B⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
    ],
)
def test_hidden_characters_are_spelt_out(text, seen):
    assert visible(text) == seen


def test_long_names_are_cut():
    assert visible("abcdef", 4) == "abc…"
    assert visible("abcd", 4) == "abcd"


def test_hangul_is_romanised_and_the_rest_left_alone():
    assert romanised("서울 model 한글") == "seoul model hangeul"
    assert has_hangul("model 한")
    assert not has_hangul("model 日本")
