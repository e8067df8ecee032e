"""Numbers to the rows of a board: models, differences, wins. Read `model_rows` first."""

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from fairtrial.core import BoardModel, Difference, canonical_json
from fairtrial.ranking.ratings import Ratings
from fairtrial.stats import A_WINS, B_WINS, TIE, Battles, PairIntervals, rank_sets, verdict


def end(value: float) -> float | None:
    """An interval's end as a board writes it: None where it is open."""
    return float(value) if math.isfinite(value) else None


def win_counts(battles: Battles) -> np.ndarray:
    """(K, K) number of votes that the row's model won against the column's; weighted votes count by their weight.

    A preference between the two labels comes as two votes whose weights add up to one, so weights are what counts.
    """
    cells = battles.cells()
    return np.rint(cells[:, :, A_WINS] + cells[:, :, B_WINS].T).astype(np.int64)


def model_rows(battles: Battles, ratings: Ratings, pairs: PairIntervals, tier: np.ndarray) -> list[BoardModel]:
    """One row per model in the order of `battles.names`.

    Args:
        battles: Decided votes.
        ratings: Ratings from them.
        pairs: Simultaneous intervals that rank sets are read from.
        tier: (K,) tier of each model, 0 for none.
    """
    size = len(battles.names)
    places = rank_sets(pairs.separated)
    cells = battles.cells()
    won = (cells[:, :, A_WINS] + cells[:, :, TIE] / 2).sum(axis=1) + (cells[:, :, B_WINS] + cells[:, :, TIE] / 2).sum(0)
    votes = cells.sum(axis=(1, 2)) + cells.sum(axis=(0, 2))
    rates = np.divide(won, votes, out=np.full(size, np.nan), where=votes > 0)
    return [
        BoardModel(
            name=name,
            rating=end(ratings.rating[k]),
            ci=(end(ratings.lower[k]), end(ratings.upper[k])),
            rank_set=(int(places[k, 0]), int(places[k, 1])),
            tier=int(tier[k]) or None,
            votes=max(round(votes[k]), 1) if votes[k] > 0 else 0,
            win_rate=end(rates[k]),
        )
        for k, name in enumerate(battles.names)
    ]


def difference_rows(
    names: Sequence[str], order: np.ndarray, pairs: PairIntervals, items: np.ndarray, *, unit: str, margin: float
) -> tuple[Difference, ...]:
    """Every pair about which something is known, the row that stands higher first.

    Where only a bound exists, it also stands as the estimate.
    """
    rows = []
    for place, i in enumerate(order.tolist()):
        for j in order[place + 1 :].tolist():
            lower, upper = float(pairs.lower[i, j]), float(pairs.upper[i, j])
            known = [value for value in (float(pairs.estimate[i, j]), lower, upper) if math.isfinite(value)]
            if not known:
                continue
            said = verdict(known[0], lower, upper, margin=margin, items=int(items[i, j]))
            rows.append(
                Difference(
                    a=names[i],
                    b=names[j],
                    estimate=known[0],
                    ci=(end(lower), end(upper)),
                    unit=unit,
                    verdict=said.word,
                    margin=margin,
                    n=int(items[i, j]),
                    more_items=said.more_items,
                )
            )
    return tuple(rows)


def snapshot(names: Sequence[str], arrays: Sequence[np.ndarray | None]) -> str:
    """``sha256:…`` of names and columns: the evidence as it entered the computation."""
    seal = hashlib.sha256(canonical_json(list(names)))
    for array in arrays:
        if array is None:
            seal.update(b"none;")
        else:
            little = np.ascontiguousarray(array, dtype="<f8" if array.dtype.kind == "f" else "<i8")
            seal.update(f"{little.dtype.str}{little.shape};".encode() + little.tobytes())
    return "sha256:" + seal.hexdigest()
