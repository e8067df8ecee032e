import csv

import numpy as np
import pandas as pd
import pytest
from vote_tables import columns

from fairtrial.core import BadInput
from fairtrial.ranking import as_battles, rank
from fairtrial.stats import Battles

TABLE = columns(votes=80)


class ArrowLike:
    """What an Arrow table offers, without the library."""

    def to_pydict(self):
        return dict(TABLE)


@pytest.mark.parametrize(
    "shape", [dict, pd.DataFrame, lambda t: pd.DataFrame(t, dtype="category"), lambda _: ArrowLike()]
)
def test_every_shape_gives_the_same_votes(shape):
    want, found = Battles.from_columns(TABLE), as_battles(shape(TABLE))
    assert found.names == want.names
    assert (found.cells() == want.cells()).all()
    assert (found.prompt == want.prompt).all()


def test_arrays_are_columns_too():
    assert len(as_battles({name: np.array(values) for name, values in TABLE.items()})) == 80


def test_a_path_and_the_columns_give_the_same_board(tmp_path):
    path = tmp_path / "votes.csv"
    with path.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(TABLE)
        writer.writerows(zip(*TABLE.values(), strict=True))
    assert rank(path) == rank(str(path)) == rank(TABLE)


def test_missing_values_of_a_data_frame():
    frame = pd.DataFrame(TABLE)
    frame["rater"] = pd.array([None, "r"] * 40, dtype="string")
    frame["weight"] = np.nan
    votes = as_battles(frame)
    assert len(np.unique(votes.rater)) == 2
    assert (votes.weight == 1).all()


def test_something_else_is_refused():
    with pytest.raises(BadInput, match="of type int"):
        as_battles(7)
