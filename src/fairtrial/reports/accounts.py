"""How a board of votes was made and how much it decides, in sentences. Read `account` first.

Everything is read off the board: its differences, its `fit`, its controls. A scorer's board has no such account.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fairtrial.core import Board
from fairtrial.reports.findings import comparisons, real_rows
from fairtrial.reports.marks import visible
from fairtrial.reports.typeset import count, decimal, fixed, interval, number, percent, span_of
from fairtrial.reports.words import Sentence, known, sentence

_LARGE_SHARE = 0.3
_CLUSTERS = ("rater", "prompt")


def account(board: Board) -> list[Sentence | str]:
    """How the board was made: ties, clusters, errors, what holds together, the cross-check, the target."""
    fit = board.fit
    if "votes" not in fit:
        return []
    groups = fit.get("groups", [])
    said: list[Sentence | str] = []
    for group in groups:
        who = sentence("made.group", names=_some(group["models"])) if len(groups) > 1 else ""
        said.append(sentence("made.ties", who=who, ties=_ties(fit, group)))
        said.append(sentence("made.errors", who=who, methods=_methods(group), combined=_combined(group)))
    said += _choice(fit)
    if "interval" in fit:
        said.append(sentence("made.interval", interval=visible(str(fit["interval"]))))
    elif "draws" in fit and groups:
        level, draws = level_of(board), count(fit["draws"])
        said.append(sentence("made.together", level=level, draws=draws, seed=fit["seed"]))
    for group in groups:
        if group.get("cross_check"):
            said.append(sentence("made.check", ratios=_ratios(group["cross_check"]["se_ratio"])))
    said += _both_bad(board)
    if "target" in fit:
        said.append(sentence("made.target", target=known("target", fit["target"])))
    return said


def sizes(board: Board) -> Sentence | None:
    """Votes, raters and prompts behind a board; None where its fit does not say."""
    if "votes" not in board.fit:
        return None
    groups = board.fit.get("groups", [])
    held = groups[0]["clusters"] if len(groups) == 1 else {}
    parts = [sentence("n.votes", n=count(board.fit["votes"]))]
    parts += [sentence(f"n.{name}", n=count(held[name])) for name in _CLUSTERS if name in held]
    return listed(parts)


def votes_of(board: Board) -> Sentence:
    """The number of votes that a board is made of."""
    return sentence("n.votes", n=count(board.fit.get("votes", 0)))


def separation(board: Board) -> Sentence | None:
    """How many neighbouring pairs, and how many of all, have an interval without zero; None with nothing to compare."""
    names = [row.name for row in real_rows(board)]
    if len(names) < 2 or not board.differences:
        return None
    apart = {frozenset((item.a, item.b)) for item in comparisons(board) if _without_zero(item.ci)}
    near = sum(frozenset(pair) in apart for pair in pairwise(names))
    pairs = len(names) * (len(names) - 1) // 2
    return sentence("board.separated", k=count(near), n=count(len(names) - 1), m=count(len(apart)), p=count(pairs))


def _without_zero(ci: Sequence[float | None]) -> bool:
    low, high = ci
    return (low is not None and low > 0) or (high is not None and high < 0)


def clusters(board: Board) -> list[Sentence]:
    """What was sampled, with its effective number; a large share of one cluster; what few prompts, as given, decide."""
    said: list[Sentence] = []
    for group in board.fit.get("groups", []):
        held, effective = group.get("clusters", {}), group.get("effective_clusters", {})
        for name, number_of in held.items():
            words = {"n": count(number_of), "effective": _equal(effective[name])}
            said.append(sentence(f"clusters.{name}", **words) if f"clusters.{name}" in _KNOWN else _named(name, words))
        for name, share in group.get("largest_share", {}).items():
            if share > _LARGE_SHARE:
                said.append(sentence(f"share.{name}", share=percent(share)))
        if given := group.get("prompts_given"):
            near, apart = count(given["neighbours_separated"]), count(given["pairs_separated"])
            of = {"n": count(given["neighbours"]), "p": count(given["pairs"])}
            said.append(sentence("clusters.given", k=near, m=apart, **of))
    return said


def _equal(effective: float) -> str:
    return count(effective) if effective >= 1000 else decimal(effective, 3)


_KNOWN = {f"clusters.{name}" for name in _CLUSTERS}


def _named(name: str, words: dict[str, str]) -> Sentence:
    return sentence("clusters.other", name=visible(name), **words)


def controls(board: Board) -> list[Sentence]:
    """Each control's effect: in points where it varies, and its coefficient."""
    said = []
    for name, effect in board.controls.items():
        coefficient, ci = decimal(effect["coef"], 3, signed=True), span_of(effect["ci"], 3)
        words: dict[str, Sentence | str] = {"name": control_name(name), "coef": coefficient, "ci": ci}
        if effect.get("sd"):
            points = number(effect["points_per_sd"], signed=True)
            reach = interval(tuple(effect["points_per_sd_ci"]), signed=True)
            said.append(sentence("control.points", points=points, reach=reach, **words))
        else:
            said.append(sentence("control.coefficient", **words))
    return said


def control_name(name: str) -> Sentence:
    """A control in words: ``position``, ``relative:length`` and names of features."""
    if name == "position":
        return sentence("control.position")
    kind, colon, bare = name.partition(":")
    if colon and kind == "relative":
        return sentence("control.relative", name=visible(bare))
    return sentence("control.named", name=visible(name))


def agreement(found: dict[str, Any]) -> list[Sentence]:
    """How far raters agree, beyond chance and with it."""
    said = [_alpha(kind, found[kind]) for kind in ("nominal", "ordinal")]
    if found["observed"] is not None:
        said.append(sentence("agree.observed", share=percent(found["observed"])))
    if found["repeats"]:
        said.append(sentence("agree.repeats", n=count(found["repeats"])))
    return said


def _alpha(kind: str, found: dict[str, Any]) -> Sentence:
    words: dict[str, Sentence | str] = {
        "kind": sentence(f"agree.{kind}"),
        "units": count(found["units"]),
        "raters": count(found["raters"]),
    }
    if found["estimate"] is None:
        return sentence("agree.none", reason=known("agree.reason", found["reason"]), **words)
    return sentence(
        "agree.alpha", alpha=fixed(found["estimate"]), ci=f"[{fixed(found['lower'])}, {fixed(found['upper'])}]", **words
    )


def against_rest(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Raters with a kappa against the others, the lowest first."""
    return sorted((one for one in found["raters"] if one["kappa"] is not None), key=lambda one: one["kappa"])


def level_of(board: Board) -> str:
    """The confidence of a board's intervals in percent, as a word: ``95``."""
    return f"{100 * (1 - float(board.fit.get('alpha', 0.05))):.3g}"


def listed(parts: Sequence[Sentence]) -> Sentence:
    """Several sentences in a row, with commas."""
    whole = parts[0]
    for part in parts[1:]:
        whole = sentence("join.list", first=whole, rest=part)
    return whole


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(visible(name, 30) for name in names[:3])
    return f"{shown} …" if len(names) > 3 else shown


def _ties(fit: dict[str, Any], group: dict[str, Any]) -> Sentence:
    cuts = ", ".join(decimal(value, 3) for name, value in group.items() if name.startswith("cut "))
    match group.get("outcomes"):
        case "davidson":
            return sentence("ties.davidson", nu=decimal(group["nu"], 3))
        case "rao-kupper" if "theta" in group:
            return sentence("ties.rao-kupper", theta=decimal(group["theta"], 3))
        case "cumulative link":
            return sentence("ties.graded", cuts=cuts)
        case "half" if fit.get("ties") == "half":
            return sentence("ties.half")
    return sentence("ties.none")


def _methods(group: dict[str, Any]) -> Sentence:
    return listed(
        [
            sentence(f"errors.{method}", by=known("cluster", name))
            for name, method in group.get("covariance", {}).items()
        ]
    )


def _combined(group: dict[str, Any]) -> Sentence | str:
    return "" if group.get("combined") == "one way" else sentence(f"errors.{group['combined']}")


def _ratios(found: dict[str, float]) -> Sentence:
    return listed([sentence("check.ratio", ratio=decimal(value), by=known("cluster", n)) for n, value in found.items()])


def _choice(fit: dict[str, Any]) -> list[Sentence]:
    chosen = fit.get("ties_auto")
    if not chosen:
        return []
    if not chosen["loss"]:
        return [sentence("made.auto.none")]
    losses = ", ".join(f"{name} {decimal(value, 5)}" for name, value in chosen["loss"].items())
    return [sentence("made.auto", n=count(chosen["votes"]), losses=losses)]


def _both_bad(board: Board) -> list[Sentence]:
    bare = board if board.raw is None else board.raw  # these ratings are without controls
    if "ratings_with_both_bad_as_tie" not in bare.fit:
        return []
    other = bare.fit["ratings_with_both_bad_as_tie"]
    rated = [row for row in bare.models if row.rating is not None and other and row.name in other]
    if not rated:
        return [sentence("made.both_bad.none")]
    row = max(rated, key=lambda one: abs(other[one.name] - (one.rating or 0.0)))
    before, after = number(row.rating or 0.0), number(other[row.name])
    return [sentence("made.both_bad", name=visible(row.name, 40), before=before, after=after)]
