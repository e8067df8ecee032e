"""What every part of coverage.py counts. Read `Boards` first."""

from dataclasses import dataclass, field

import numpy as np

from fairtrial.stats import PairIntervals, verdict

SCALE = 400 / np.log(10)
NEAR = 1e-9


@dataclass(slots=True)
class Boards:
    """Statements about all pairs of a board at once, board by board."""

    all_held: list[bool] = field(default_factory=list)
    false_order: list[bool] = field(default_factory=list)
    false_rank: list[bool] = field(default_factory=list)
    false_word: list[bool] = field(default_factory=list)

    def add(self, pairs: PairIntervals, true_gap: np.ndarray, *, margin: float) -> None:
        """Compare a board's pairs with the (K, K) true differences."""
        held = (pairs.lower <= true_gap + NEAR) & (true_gap - NEAR <= pairs.upper)
        self.all_held.append(bool(held.all()))
        self.false_order.append(bool((pairs.separated & (true_gap <= NEAR)).any()))
        self.false_rank.append(_wrong_rank(pairs.separated, true_gap))
        self.false_word.append(_wrong_word(pairs, true_gap, margin=margin))

    def shares(self) -> dict[str, float]:
        """Share of boards where everything held, and of boards with each kind of error."""
        return {
            "boards": len(self.all_held),
            "all_differences": float(np.mean(self.all_held)),
            "family_wise_error": float(np.mean(self.false_order)),
            "wrong_rank_set": float(np.mean(self.false_rank)),
            "false_verdict": float(np.mean(self.false_word)),
        }


def _wrong_rank(separated: np.ndarray, true_gap: np.ndarray) -> bool:
    """Whether any rank set leaves out a place the model shares in truth (tied models share their places)."""
    size = len(separated)
    best, worst = 1 + separated.sum(axis=0), size - separated.sum(axis=1)
    true_best, true_worst = 1 + (true_gap > NEAR).sum(axis=0), size - (true_gap > NEAR).sum(axis=1)
    return bool(((best > true_best) | (worst < true_worst)).any())


def _wrong_word(pairs: PairIntervals, truth: np.ndarray, *, margin: float) -> bool:
    """Whether any verdict of the board is false."""
    for i, j in zip(*np.triu_indices(len(truth), 1), strict=True):
        said = verdict(
            float(pairs.estimate[i, j]), float(pairs.lower[i, j]), float(pairs.upper[i, j]), margin=margin, items=1
        ).word
        gap = truth[i, j]
        if (
            (said == "better" and gap <= NEAR)
            or (said == "worse" and gap >= -NEAR)
            or (said == "equivalent" and abs(gap) >= margin)
        ):
            return True
    return False


def covered(name: str, held: list) -> dict[str, float]:
    """Mean over contrasts and the worst one, from (replicates, contrasts) of whether each was covered."""
    share = np.mean(held, axis=0)
    return {name: float(np.mean(share)), f"{name}_worst": float(np.min(share))}
