"""Votes whose truth is known, for ranking.py: `python ranking_data.py FOLDER VOTES RATERS PROMPTS [covariates] [strings]`.

200 models, Davidson ties (about a third), Zipf popularity, a slight advantage of the left side, raters with tastes whose
activity is heavy-tailed (the top 1 % of 20,000 cast 14 % of the votes), 8 covariates of which 4 have an effect. Columns
are written as .npy; `covariates` keeps those, `strings` adds votes.parquet with every column as plain text.
"""

import json
import sys
from pathlib import Path

import numpy as np

from ranking_common import COVARIATES, MODELS, WINNERS

RUN = 1_000_000
"""Votes drawn at once."""
LEFT, NU, TASTE = 0.05, 1.1, 0.3
EFFECTS = np.array([0.35, 0.10, 0.05, 0.15, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)
GROUPS = 8


def zipf(count: int, exponent: float) -> np.ndarray:
    """(count,) shares that fall as a power of the place."""
    share = np.arange(1, count + 1) ** -exponent
    return share / share.sum()


def draw(rng: np.random.Generator, share: np.ndarray, count: int) -> np.ndarray:
    """`count` indices with these shares."""
    return np.searchsorted(np.cumsum(share)[:-1], rng.random(count)).astype(np.int32)


def generate(folder: Path, votes: int, raters: int, prompts: int, *, covariates: bool, strings: bool) -> dict:
    """Write the columns; what was drawn, in numbers."""
    rng = np.random.default_rng(7)
    theta = np.sort(rng.normal(0, 0.7, MODELS))[::-1]
    theta = theta - theta.mean()
    popularity = rng.permutation(zipf(MODELS, 0.6))
    style = rng.normal(0, 1, (MODELS, COVARIATES)).astype(np.float32)
    taste = rng.normal(0, TASTE, (raters, GROUPS))
    activity, asked = rng.permutation(zipf(raters, 0.6)), zipf(prompts, 0.3)
    sure = rng.permutation(votes)[: max(raters, prompts)]  # every rater and every prompt is there
    columns: dict[str, list[np.ndarray]] = {}
    for start in range(0, votes, RUN):
        count = min(RUN, votes - start)
        a, b = draw(rng, popularity, count), draw(rng, popularity, count)
        same = a == b
        b[same] = (a[same] + 1 + rng.integers(0, MODELS - 1, int(same.sum()))) % MODELS
        rater, prompt = draw(rng, activity, count), draw(rng, asked, count)
        here = np.flatnonzero((sure >= start) & (sure < start + count))
        rater[sure[here[here < raters]] - start] = here[here < raters]
        prompt[sure[here[here < prompts]] - start] = here[here < prompts]
        x = np.tanh((style[a] - style[b]) / 2 + rng.standard_normal((count, COVARIATES), dtype=np.float32))
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        d = theta[a] - theta[b] + x @ EFFECTS + LEFT + taste[rater, a % GROUPS] - taste[rater, b % GROUPS]
        wins, loses = np.exp(d / 2), np.exp(-d / 2)
        mark = rng.random(count) * (wins + loses + NU)
        outcome = np.where(mark < wins, 2, np.where(mark < wins + NU, 1, 0))
        drawn = {"a": a.astype(np.uint8), "b": b.astype(np.uint8), "outcome": outcome.astype(np.uint8)}
        for name, values in {**drawn, "rater": rater, "prompt": prompt, **({"x": x} if covariates else {})}.items():
            columns.setdefault(name, []).append(values)
    folder.mkdir(parents=True, exist_ok=True)
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    for name, values in whole.items():
        np.save(folder / f"{name}.npy", values)
    if strings:
        write_strings(folder / "votes.parquet", whole)
    sizes = np.sort(np.bincount(whole["rater"], minlength=raters))[::-1]
    facts = {
        "votes": votes,
        "raters": int((sizes > 0).sum()),
        "prompts": len(np.unique(whole["prompt"])),
        "ties": round(float((whole["outcome"] == 1).mean()), 4),
        "busiest_rater_votes": int(sizes[0]),
        "votes_of_busiest_1_percent": round(float(sizes[: max(1, raters // 100)].sum() / votes), 4),
        "effective_raters": round(float(votes**2 / (sizes.astype(float) ** 2).sum()), 1),
    }
    (folder / "facts.json").write_text(json.dumps(facts) + "\n")
    return facts


def write_strings(path: Path, columns: dict[str, np.ndarray]) -> None:
    """The votes as a file that people have: text columns model_a, model_b, winner, rater, question_id."""
    import duckdb

    votes = {name: columns[name] for name in ("a", "b", "outcome", "rater", "prompt")}
    labels = ", ".join(f"'{label}'" for label in WINNERS)
    with duckdb.connect() as connection:
        connection.register("votes", votes)
        connection.execute(
            f"""COPY (SELECT printf('model-%03d', a) AS model_a, printf('model-%03d', b) AS model_b,
                       [{labels}][outcome + 1] AS winner, printf('rater-%06d', rater) AS rater,
                       printf('question-%05d', prompt) AS question_id FROM votes)
                TO '{path}' (FORMAT parquet, COMPRESSION zstd)"""
        )


def main() -> None:
    """Generate what the arguments say."""
    folder, (votes, raters, prompts), extras = Path(sys.argv[1]), map(int, sys.argv[2:5]), sys.argv[5:]
    print(
        json.dumps(
            generate(folder, votes, raters, prompts, covariates="covariates" in extras, strings="strings" in extras)
        )
    )


if __name__ == "__main__":
    main()
