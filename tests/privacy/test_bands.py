"""A profile holds bands of closed lists, and nothing finer."""

import pytest

from fairtrial.core import BadInput
from fairtrial.privacy import BANDS, OTHER, check_profile


def test_what_was_not_said_is_empty_and_columns_have_one_order() -> None:
    assert check_profile({"language": "ko", "age": "30s"}) == {
        "age": "30s",
        "region": "",
        "language": "ko",
        "expertise": "",
    }
    assert list(check_profile({"language": "ko"})) == list(BANDS)


def test_every_band_is_accepted_and_none_is_a_reserved_word() -> None:
    for column, bands in BANDS.items():
        assert len(set(bands)) == len(bands)
        assert not {"", OTHER} & set(bands)
        for band in bands:
            assert check_profile({column: band})[column] == band


def test_languages_are_two_letter_subtags_of_which_there_are_183() -> None:
    assert len(BANDS["language"]) == 183
    assert all(len(code) == 2 and code.isalpha() and code.islower() for code in BANDS["language"])


@pytest.mark.parametrize(
    ("profile", "where", "step"),
    [
        ({"age": "34"}, "age", "Known: 10s"),
        ({"age": "30S"}, "age", "Did you mean '30s'"),
        ({"region": "Seoul"}, "region", "Known: "),
        ({"name": "Kim"}, "profile", "Known: age"),
        ({"ages": "30s"}, "profile", "Did you mean 'age'"),
    ],
)
def test_anything_finer_is_refused(profile: dict[str, str], where: str, step: str) -> None:
    with pytest.raises(BadInput) as raised:
        check_profile(profile)
    assert raised.value.where == where
    assert raised.value.next_step.startswith(step)
