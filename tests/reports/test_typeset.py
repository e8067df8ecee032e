import pytest

from fairtrial.reports.typeset import count, interval, money, number, places


def test_scores_have_one_decimal_and_ratings_none():
    assert number(0.725, "score") == "72.5"
    assert number(1012.4) == "1012"
    assert number(-0.2, "score", signed=True) == "−20.0"
    assert number(-0.00001, "score", signed=True) == "0.0"


@pytest.mark.parametrize(
    ("ci", "text"),
    [((0.1, 0.2), "[10.0, 20.0]"), ((0.1, None), "≥ 10.0"), ((None, 0.2), "≤ 20.0"), ((None, None), ""), (None, "")],
)
def test_an_open_side_is_never_closed(ci, text):
    assert interval(ci, "score") == text


def test_places_money_and_counts():
    assert (places((1, 3)), places((2, 2)), places(None)) == ("1–3", "2", "")
    assert [money(x) for x in (0, 12.345, 0.0042, 0.00001234)] == ["0.00", "12.35", "0.0042", "1.2e-05"]
    assert count(1234567) == "1\u202f234\u202f567"
