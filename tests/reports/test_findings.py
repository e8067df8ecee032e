import dataclasses

from fairtrial.core import Board, BoardModel, Difference
from fairtrial.reports import chart_titles, findings
from fairtrial.reports.figures import figures
from fairtrial.reports.words import say


def row(name, rank_set, **more):
    return BoardModel(
        name=name, rating=1000.0, ci=(900.0, 1100.0), rank_set=rank_set, tier=1, votes=9, win_rate=0.5, **more
    )


def board(*rows, evidence="scorer", differences=(), view=None):
    return Board(evidence=evidence, scope="these prompts", view=view or {}, models=rows, differences=differences)


def difference(verdict, estimate=0.2, **more):
    settings = {
        "a": "x",
        "b": "y",
        "unit": "score",
        "margin": 0.05,
        "n": 40,
        "ci": (estimate - 0.1, estimate + 0.1),
    } | more
    return Difference(estimate=estimate, verdict=verdict, **settings)


def test_headlines_say_no_more_than_the_rank_sets():
    def headline(*sets):
        return say(findings.headline(board(*(row(f"m{i}", s) for i, s in enumerate(sets)))))

    assert headline((1, 1), (2, 2)) == "m0 is in first place"
    assert headline((1, 2), (1, 2)) == "No contestant is separated from first place"
    assert headline((1, 2), (1, 2), (3, 3)) == "First place is open between m0, m1"
    assert headline(None, None) == "The evidence supports no ranking"
    assert headline((1, 1)).startswith("Only one contestant")
    assert say(findings.headline(None)).startswith("No evidence")


def test_a_higher_estimate_alone_is_never_called_better():
    unsure = board(row("x", (1, 2)), row("y", (1, 2)), differences=(difference("inconclusive", 0.4),))
    assert [say(line) for line in findings.can_be_said(unsure)] == ["No comparison between two contestants is decided."]
    assert "1 of 1 comparisons are inconclusive" in say(findings.cannot_be_said(unsure)[0])
    assert say(chart_titles.cost(unsure, "tokens")) == "No difference is decided at any cost"


def test_worse_is_read_forwards_with_its_interval_turned():
    turned = findings.ordered(difference("worse", -0.2, ci=(None, -0.1)))
    assert (turned.a, turned.b, turned.estimate, turned.ci, turned.verdict) == ("y", "x", 0.2, (0.1, None), "better")


def test_human_votes_come_before_scorers_before_judges(make_up):
    _, report = make_up()
    human = dataclasses.replace(report.boards[0], evidence="human", scope="panel")
    report = dataclasses.replace(report, boards=(*report.boards, human))
    assert [each.evidence for each in findings.boards_in_order(report)] == ["human", "scorer", "judge"]
    assert findings.headline_board(report) is human


def test_a_category_claim_needs_a_decided_comparison_in_that_category(make_up):
    _, report = make_up()
    assert say(chart_titles.strata(report, "category")).startswith("Cells without evidence: ")
    part = board(
        row("x", (1, 1)), row("y", (2, 2)), differences=(difference("worse", -0.3),), view={"category": "sentiment"}
    )
    claimed = dataclasses.replace(report, boards=(*report.boards, part))
    assert say(chart_titles.strata(claimed, "category")) == "y beats x on sentiment"
    assert part not in findings.boards_in_order(claimed)


def test_a_judge_is_called_biased_by_its_interval_only():
    def title(low, high):
        return say(
            chart_titles.judges(
                ({"evaluator": "j", "first_rate": {"estimate": (low + high) / 2, "ci": [low, high], "n": 9}},)
            )
        )

    assert title(0.6, 0.9) == "j prefers the answer shown first"
    assert title(0.1, 0.4) == "j prefers the answer shown second"
    assert title(0.4, 0.9) == "No position preference is shown"


def test_cheaper_winners_are_found_first():
    rows = (row("x", (1, 1), tokens=50.0), row("y", (2, 2), tokens=90.0), row("z", (3, 3), tokens=10.0))
    both = (difference("better", a="x", b="z"), difference("better", a="x", b="y"))
    assert say(chart_titles.cost(board(*rows, differences=both), "tokens")) == "x beats y at lower cost"
    assert say(chart_titles.cost(board(*rows, differences=both[:1]), "tokens")) == "x beats z at higher cost"


def test_two_boards_of_one_kind_keep_apart(make_up):
    _, report = make_up()
    one, other = (dataclasses.replace(report.boards[1], view={"scorer": name}) for name in ("exact", "f1"))
    both = dataclasses.replace(report, boards=(one, report.boards[0], other))
    assert list(findings.keyed_boards(both)) == ["scorer", "scorer-2", "judge"]
    assert say(findings.board_name(other)) == "Scorers: answers against references (f1)"
    keys = [figure.key for figure in figures(both)]
    assert len(keys) == len(set(keys))
    assert "board-scorer-2" in keys


def test_reasons_keep_their_detail_and_judges_their_names():
    assert say(findings.reason("failed: crashed\x1b")) == "failed: crashed⟨ESC⟩"
    assert say(findings.reason("truncated"), "ko") == "토큰 한도에서 잘림"
    assert findings.reason("melted") == "melted"
    assert findings.judge_name({"evaluator": "judge:x:sha256:0"}) == "judge:x:sha256:0"
    assert findings.judge_name({"evaluator": "judge:x:sha256:0", "name": "x"}) == "x"


def test_a_measure_without_evidence_is_none():
    card = {"first_rate": {"estimate": 0.5, "ci": [0.4, 0.6], "n": 9}, "consistency": None}
    assert [(name, rate is None) for name, rate in findings.measures(card)] == [
        ("first_rate", False),
        ("consistency", True),
        ("agreement", True),
    ]


def test_a_narrow_scope_is_a_limit_and_a_wide_one_is_a_claim():
    narrow = board(row("x", (1, 2)), row("y", (1, 2)), differences=(difference("inconclusive", 0.0),))
    wide = dataclasses.replace(narrow, scope="population")
    assert findings.scope(narrow) in findings.cannot_be_said(narrow)
    assert findings.scope(wide) in findings.can_be_said(wide)
    assert findings.scope(wide) not in findings.cannot_be_said(wide)


def test_one_real_contestant_is_compared_with_the_simulated_one():
    alone = board(
        row("x", (1, 2)), row("sim", (1, 2), simulated=True), differences=(difference("inconclusive", b="sim"),)
    )
    assert say(findings.headline(alone)) == "No contestant is separated from first place"
    assert say(findings.cannot_be_said(alone)[0]).startswith("1 of 1 comparisons are inconclusive")


def test_simulated_rows_that_are_not_counted_are_said_to_be():
    rows = (row("x", (1, 3)), row("y", (1, 3)), row("sim", (1, 3), simulated=True))
    unsure = (difference("inconclusive"), difference("inconclusive", b="sim"))
    said = findings.cannot_be_said(board(*rows, differences=unsure))[0]
    assert say(said).startswith("1 of 1 comparisons (simulated ones not counted)")
    assert "모의 참가자는 세지 않음" in say(said, "ko")


def test_the_comparison_closest_to_a_decision_is_named_with_the_items_it_needs():
    unsure = tuple(difference("inconclusive", b=b, more_items=n) for b, n in (("y", 1500), ("z", 133), ("w", None)))
    rows = [row(name, (1, 4)) for name in "xyzw"]
    said = [say(line) for line in findings.cannot_be_said(board(*rows, differences=unsure))]
    assert "Closest to a decision: x against z, about 133 further items at the spread seen so far." in said
    unknown = board(*rows, differences=unsure[2:])
    assert not [line for line in findings.cannot_be_said(unknown) if "Closest" in say(line)]
    one = board(*rows, differences=(difference("inconclusive", more_items=1),))
    assert "about one further item at" in say(findings.cannot_be_said(one)[1])


def test_refusals_about_ratings_are_small_print_on_a_board_of_scores():
    refusals = (
        "'direct' never lost nor tied: no rating, at most a lower bound.",
        "'majority vote' has no score: no evidence.",
    )
    scored = dataclasses.replace(
        board(row("majority vote", (1, 2), score=0.5), row("direct", (1, 2), score=0.5)), refusals=refusals
    )
    assert findings.asides(scored) == [refusals[0]]
    assert findings.refusals(scored) == [refusals[1]]
    assert refusals[0] not in findings.cannot_be_said(scored)
    rated = dataclasses.replace(board(row("direct", (1, 1)), evidence="judge"), refusals=refusals)
    assert findings.refusals(rated) == list(refusals)


def test_failed_answers_count_only_where_something_scores(make_up):
    _, report = make_up()
    assert "what the scorer gave it" in say(findings.failures_counted(report))
    judged = dataclasses.replace(report, boards=report.boards[:1])
    assert "none of these answers counts as 0" in say(findings.failures_counted(judged))


def test_a_judge_that_only_votes_is_not_on_trial():
    assert say(findings.judges_heading([{"on_trial": True}])) == "Judges on trial"
    assert say(findings.judges_heading([{"on_trial": True}, {"on_trial": False}])) == "Judges"


def test_the_main_settings_of_a_fit_are_short():
    fit = {
        "draws": 4000,
        "cluster": ["prompt", "rater"],
        "guessing": 1 / 3,
        "ratings": {"groups": []},
        "ties": "davidson",
    }
    found = findings.fit_main(dataclasses.replace(board(), fit=fit))
    assert found == {"ties": "davidson", "cluster": "prompt, rater", "draws": "4000", "guessing": "0.333"}
