"""Judges beside the rules that read the surface only, on the same pairs. Read `beside_rules` first."""

from collections.abc import Sequence

from fairtrial.evaluators.examining import Examined
from fairtrial.evaluators.tables import Item, Table
from fairtrial.ranking.scores import SCORE_MARGIN
from fairtrial.reports.judges_told import Beside, rule_of
from fairtrial.stats import compare_judges

_ALPHA = 0.05


def beside_rules(items: Sequence[Item], found: Sequence[Examined]) -> tuple[Beside, ...]:
    """Every judge minus every rule among them, pair by pair, over the pairs that have a better answer.

    A judge's intervals hold together over the rules (Bonferroni); prompts are the clusters, each counting alike.
    Equivalent means within five points.
    """
    known = [k for k, item in enumerate(items) if item.label]
    if not known:
        return ()
    tables = {one.card.evaluator: Table(items, one.votes) for one in found}
    rules = {rule: evaluator for evaluator in tables if (rule := rule_of(evaluator))}
    return tuple(
        Beside(
            judge=evaluator,
            rule=rule,
            alpha=_ALPHA / len(rules),
            found=compare_judges(
                table.right()[known],
                tables[other].right()[known],
                margin=SCORE_MARGIN,
                cluster=table.prompt[known],
                alpha=_ALPHA / len(rules),
            ),
        )
        for evaluator, table in tables.items()
        if rule_of(evaluator) is None
        for rule, other in rules.items()
    )
