"""The de-blinding audit on real answers of real models, beside scikit-learn's classifier on the same battles.

    FAIRTRIAL_TEST_DATA=DIR python benchmarks/deblinding.py      (pip install scikit-learn for the peer)

1,000 battles are drawn among six models whose answers to 805 prompts AlpacaEval holds; names are masked as in the arena.
Controls: answers cut to one length; both names of a pair taken from one model; names drawn by lot, many times, to see
how often the interval holds one half. The result is written to results/deblinding.json.
"""

import gzip
import json
import os
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from fairtrial.arena import deblinding
from fairtrial.arena.blinding import Blinding
from fairtrial.arena.deblinding import Answers, audit
from fairtrial.stats import proportion
from fairtrial.stats.softmax import log_chances, softmax_regression

RESULTS = Path(__file__).parent / "results" / "deblinding.json"
BATTLES, DRAWS, SMALL = 1000, 200, 120


def battles_of(outputs: dict[tuple[str, int], str], count: int, seed: int) -> list[Answers]:
    """Battles between two different models on a prompt of their own."""
    rng = np.random.default_rng(seed)
    models, prompts = (sorted({key[k] for key in outputs}) for k in (0, 1))
    blinding, masked, drawn = Blinding(), {}, []
    for _ in range(count):
        prompt = int(rng.choice(prompts))
        a, b = (str(one) for one in rng.choice(models, 2, replace=False))
        for name in (a, b):
            masked.setdefault((name, prompt), blinding.mask(outputs[name, prompt]).text)
        drawn.append(Answers(a=a, b=b, text_a=masked[a, prompt], text_b=masked[b, prompt], prompt=str(prompt)))
    return drawn


def told(rate) -> dict:
    return {"estimate": round(rate.estimate, 4), "ci": [round(rate.lower, 4), round(rate.upper, 4)]}


def found(battles: list[Answers]) -> dict:
    began = time.process_time()
    said = audit(battles)
    return {
        "battles": said.battles,
        "guessed_at": said.guessed_at,
        "contestants": said.contestants,
        "chance_who": round(said.chance, 4),
        "words": {"who": told(said.words.who), "which": told(said.words.which)},
        "habits": {"who": told(said.habits.who), "which": told(said.habits.which)},
        "each": {name: told(rate) for name, rate in said.each.items()},
        "cpu_s": round(time.process_time() - began, 2),
    }


def shuffled(battles: list[Answers], seed: int) -> list[Answers]:
    """The same texts, the two names of each battle given to them by lot."""
    rng = np.random.default_rng(seed)
    return [replace(one, a=one.b, b=one.a) if rng.random() < 0.5 else one for one in battles]


def coverage(battles: list[Answers]) -> dict:
    """How often 95 % intervals hold one half where names mean nothing: 120 battles of two names each time.

    Beside it the same for five crossed folds, which is what one would think of first.
    """
    rng = np.random.default_rng(3)
    rates = {"parted_once": [], "five_folds": []}
    for draw in range(DRAWS):
        some = [battles[k] for k in rng.choice(len(battles), SMALL, replace=False)]
        lots = shuffled([replace(one, a="x", b="y") for one in some], draw)
        rates["parted_once"].append(audit(lots).words.which)
        guessed, names = crossed(lots, ours)
        rates["five_folds"].append(proportion(deblinding._put_right(guessed, names), [one.prompt for one in lots]))
    return {"draws": DRAWS, "battles": SMALL} | {
        name: {
            "hold_one_half": sum(rate.lower <= 0.5 <= rate.upper for rate in some) / DRAWS,
            "lie_above": sum(rate.lower > 0.5 for rate in some) / DRAWS,
            "mean": round(float(np.mean([rate.estimate for rate in some])), 4),
        }
        for name, some in rates.items()
    }


def crossed(battles: list[Answers], fitted) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of chances by `fitted` in five folds of prompts, and the classes."""
    names = np.array([name for one in battles for name in (one.a, one.b)])
    kinds, classes = np.unique(names, return_inverse=True)
    prompts = sorted({one.prompt for one in battles}, key=lambda one: zlib.crc32(one.encode()))
    folds = np.repeat([prompts.index(one.prompt) % 5 for one in battles], 2)
    guessed = np.empty((len(names), len(kinds)))
    for fold in range(5):
        guessed[folds == fold] = fitted(battles, classes, folds != fold)
    return guessed, classes


def texts_of(battles: list[Answers]) -> np.ndarray:
    return np.array([text for one in battles for text in (one.text_a, one.text_b)], dtype=object)


def ours(battles: list[Answers], classes: np.ndarray, learnt: np.ndarray) -> np.ndarray:
    rows = deblinding._by_rarity(deblinding._words(texts_of(battles)), learnt)
    penalty = deblinding._PENALTY["words"]
    weights = softmax_regression(rows[learnt], classes[learnt], classes.max() + 1, penalty=penalty)
    return log_chances(rows[~learnt], weights)


def theirs(battles: list[Answers], classes: np.ndarray, learnt: np.ndarray) -> np.ndarray:
    """scikit-learn: TfidfVectorizer (words and pairs, no hashing) and LogisticRegression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]|\n")
    rows = words.fit_transform(texts_of(battles)[learnt])
    strength = 1 / (deblinding._PENALTY["words"] * learnt.sum())
    model = LogisticRegression(C=strength, max_iter=200).fit(rows, classes[learnt])
    return model.predict_log_proba(words.transform(texts_of(battles)[~learnt]))


def peers(battles: list[Answers]) -> dict:
    """Ours and scikit-learn's, both parted as the audit parts them, and both in five folds."""
    found = {}
    for name, fitted in (("fairtrial", ours), ("scikit-learn", theirs)):
        names = np.array([name for one in battles for name in (one.a, one.b)])
        classes = np.unique(names, return_inverse=True)[1]
        learnt = deblinding._learnt([one.prompt for one in battles])
        began = time.process_time()
        try:
            once = fitted(battles, classes, learnt)
        except ImportError:
            return found | {name: "not installed"}
        took = time.process_time() - began
        folded = crossed(battles, fitted)[0]
        found[name] = {
            "parted_once": rates_of(once, classes[~learnt]),
            "five_folds": rates_of(folded, classes),
            "cpu_s": round(took, 2),
        }
    return found


def rates_of(guessed: np.ndarray, classes: np.ndarray) -> dict:
    return {
        "who": round(float((guessed.argmax(axis=1) == classes).mean()), 4),
        "which": round(float(deblinding._put_right(guessed, classes).mean()), 4),
    }


def main() -> None:
    file = Path(os.environ["FAIRTRIAL_TEST_DATA"]) / "alpaca_eval" / "outputs.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    outputs = {(row["model"], row["prompt_id"]): row["output"] for row in rows}
    began = time.process_time()
    battles = battles_of(outputs, BATTLES, 0)
    masking = time.process_time() - began
    characters = sum(len(one.text_a) + len(one.text_b) for one in battles)
    result = {
        "masking": {"characters": characters, "cpu_s": round(masking, 2)},
        "as_shown": found(battles),
        "beside_scikit-learn": peers(battles),
        "cut_to_200_characters": found(
            [replace(one, text_a=one.text_a[:200], text_b=one.text_b[:200]) for one in battles]
        ),
        "names_by_lot": found(shuffled(battles, 1)),
        "coverage_where_names_mean_nothing": coverage(battles),
    }
    by_size = {}
    for count in (60, 125, 250, 500):
        said = audit(battles[:count])
        by_size[str(count)] = {"which": told(said.words.which), "who": told(said.words.who)}
    result["fewer_battles"] = by_size
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
