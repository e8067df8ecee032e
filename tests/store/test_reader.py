"""Reading: a trial's evidence in its ledger's order, page by page, and no other trial's."""

from fairtrial.store import Store, TrialRecord


def test_trials(store: Store):
    store.put_trial("s", name="second", created="2026-11-23T11:00:00Z", body={"seed": 8})
    first = TrialRecord(id="t", name="trial", created="2026-11-23T10:00:00Z", body={"seed": 7})
    assert store.trial("t") == first
    assert [trial.id for trial in store.trials()] == ["t", "s"]
    assert store.trial("no") is None


def test_each_trial_keeps_its_own_names_and_tags(store: Store, nouns):
    store.put_trial("s", name="second", created="2026-11-23T11:00:00Z", body={})
    for trial, tag in (("t", "reading"), ("s", "law")):
        store.put_prompts(trial, [nouns.prompt(n, tags=(tag,)) for n in (2, 1)])
        store.put_contestants(trial, [nouns.contestant(1, name=tag)])
    assert [(p.key, p.tags) for p in store.prompts("t")] == [("row 2", ("reading",)), ("row 1", ("reading",))]
    assert [p.tags for p in store.prompts("s")] == [("law",), ("law",)]
    assert [c.name for c in store.contestants("s")] == ["law"]


def test_everything_comes_back_in_the_ledgers_order_across_pages(store: Store, nouns):
    count = 1203  # three pages, the last one short
    store.put_jobs("t", [nouns.job(n) for n in reversed(range(count))])
    for n in reversed(range(count)):
        store.put_response(address_of(nouns, n), nouns.response(n))
        for scorer in ("f1", "exact"):
            store.put_score(address_of(nouns, n), nouns.score(n, scorer))
    assert [job.position for job in store.pending("t")] == list(range(count))
    assert list(store.responses("t")) == [(n, nouns.response(n)) for n in range(count)]
    scores = list(store.scores("t"))
    assert scores == [(n, nouns.score(n, scorer)) for n in range(count) for scorer in ("exact", "f1")]
    assert list(store.scores("t", scorers=["f1"])) == [(n, nouns.score(n, "f1")) for n in range(count)]
    assert store.response(address_of(nouns, 7)) == nouns.response(7)
    assert store.response("no") is None


def address_of(nouns, n: int) -> str:
    return nouns.job(n).key


def test_full_pages_end_properly(store: Store, nouns):
    store.put_jobs("t", [nouns.job(n) for n in range(1000)])
    assert sum(1 for _ in store.jobs("t")) == 1000


def test_a_read_may_be_left_and_writes_go_on(store: Store, nouns):
    store.put_jobs("t", [nouns.job(n) for n in range(1200)])
    reading = store.jobs("t")
    assert next(reading).position == 0
    store.mark("t", 1199, "done")
    assert [job.state for job in reading][-1] == "done"


def test_votes_and_battles(store: Store, nouns):
    evaluators = ("judge:x", "judge:y")
    plan = [(n, evaluator) for evaluator in evaluators for n in range(3)]
    store.put_jobs("t", [nouns.job(i, kind="judge", contestant=e) for i, (_, e) in enumerate(plan)])
    for i, (n, evaluator) in enumerate(plan):
        store.put_battle(nouns.battle(n))
        store.put_vote(nouns.job(i).key, nouns.vote(n, evaluator))
    assert list(store.votes("t")) == [(i, nouns.vote(n, e)) for i, (n, e) in enumerate(plan)]
    assert list(store.battles("t")) == [(n, nouns.battle(n)) for n in range(3)]


def test_two_trials_share_results_and_do_not_mix_them(store: Store, nouns):
    store.put_trial("s", name="second", created="2026-11-23T11:00:00Z", body={})
    store.put_jobs("t", [nouns.job(0), nouns.job(1, kind="judge")])
    store.put_jobs("s", [nouns.job(0, position=5), nouns.job(2, kind="judge", position=6)])
    store.put_response(nouns.job(0).key, nouns.response(0))
    store.put_battle(nouns.battle(0))
    store.put_vote(nouns.job(1).key, nouns.vote(0, grade=1))
    store.put_vote(nouns.job(2).key, nouns.vote(0, grade=-1))
    assert list(store.responses("t")) == [(0, nouns.response(0))]
    assert list(store.responses("s")) == [(5, nouns.response(0))]
    assert [(position, vote.grade) for position, vote in store.votes("t")] == [(1, 1)]
    assert [(position, vote.grade) for position, vote in store.votes("s")] == [(6, -1)]
