"""Scores that an independent implementation (evalica 0.4.2) publishes for small tables, after aligning the scale."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from fairtrial.ranking import as_battles, rank
from fairtrial.stats import fit_bradley_terry

pytestmark = pytest.mark.data


def golden(name, algorithm):
    with folder().joinpath(f"{name}-golden.csv").open(newline="") as source:
        return {row["item"]: float(row["score"]) for row in csv.DictReader(source) if row["algorithm"] == algorithm}


def folder():
    if "FAIRTRIAL_TEST_DATA" not in os.environ:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of published benchmarks")
    return Path(os.environ["FAIRTRIAL_TEST_DATA"], "evalica_samples")


def centred(scores, names):
    values = np.log([scores[name] for name in names])
    return values - values.mean()


@pytest.mark.parametrize("name", ["simple", "food"])
@pytest.mark.parametrize(("algorithm", "ties"), [("bradley_terry", "half"), ("newman", "davidson")])
def test_bradley_terry_and_newman(name, algorithm, ties):
    # Newman's model of ties is Davidson's; both packages' scores are strengths, ours their logarithms.
    votes = as_battles(folder() / f"{name}.csv")
    ours = fit_bradley_terry(votes.cells(), ties=ties).theta
    theirs = centred(golden(name, algorithm), votes.names)
    assert np.abs(ours - theirs).max() < 2e-5  # they stop when steps fall below 1e-6


@pytest.mark.parametrize("name", ["simple", "food"])
def test_average_win_rates(name):
    # evalica averages over opponents, a board over votes; both come from the same counts.
    votes = as_battles(folder() / f"{name}.csv")
    cells = votes.cells()
    wins = cells[:, :, 2] + cells[:, :, 0].T + (cells[:, :, 1] + cells[:, :, 1].T) / 2
    met = wins + wins.T
    share = np.divide(wins, met, out=np.zeros_like(wins), where=met > 0)
    theirs = golden(name, "average_win_rate")
    for k, item in enumerate(votes.names):
        assert share[k].sum() / (met[k] > 0).sum() == pytest.approx(theirs[item], abs=1e-9)
    rows = {row.name: row for row in rank(votes, ties="half").models}
    for k, item in enumerate(votes.names):
        assert rows[item].win_rate == pytest.approx(wins[k].sum() / met[k].sum())
