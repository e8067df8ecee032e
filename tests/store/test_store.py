"""What is put comes back, once, in order, from this process and the next."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from fairtrial.core import CallMemory, FairtrialError, IntegrityError
from fairtrial.store import Job, Store


def test_a_recorded_call_is_recalled_at_once_and_later(place, nouns):
    with Store.create(place) as store:
        memory: CallMemory = store
        assert memory.recall(nouns.key(1)) is None
        memory.record(nouns.key(1), nouns.request(1), nouns.completion(1))
        assert memory.recall(nouns.key(1)) == nouns.completion(1)
        store.flush()
        assert memory.recall(nouns.key(1)) == nouns.completion(1)
        assert memory.recall(nouns.key(2)) is None
    with Store.open(place) as store:
        assert store.recall(nouns.key(1)) == nouns.completion(1)
        assert store.recall(nouns.key(2)) is None


def test_the_first_recorded_call_stays(store: Store, nouns):
    for text in ("first", "second"):
        store.record(nouns.key(1), nouns.request(1), nouns.completion(1, text))
    assert store.recall(nouns.key(1)).text == "first 1"
    store.flush()
    store.record(nouns.key(1), nouns.request(1), nouns.completion(1, "third"))
    store.flush()
    assert store.recall(nouns.key(1)).text == "first 1"


def test_what_was_recorded_before_the_first_recall_is_known(store: Store, nouns):
    for n in range(5):
        store.record(nouns.key(n), nouns.request(n), nouns.completion(n))
    store.flush()
    assert [store.recall(nouns.key(n)) for n in range(5)] == [nouns.completion(n) for n in range(5)]


def test_meta(store: Store):
    store.put_meta("lab", "ours")
    store.put_meta("lab", "theirs")
    assert (store.meta("lab"), store.meta("no")) == ("ours", None)


def test_the_ledger_counts_attempts_and_keeps_the_last_word(store: Store, nouns):
    store.put_jobs("t", [nouns.job(n) for n in range(3)] + [nouns.job(3, kind="judge")])
    store.mark("t", 0, "pending", "timeout")
    store.mark("t", 0, "done")
    store.mark("t", 1, "failed", "unreachable")
    store.flush()
    store.mark("t", 1, "done")
    found = {job.position: (job.state, job.attempts, job.note) for job in store.jobs("t")}
    assert found == {0: ("done", 2, ""), 1: ("done", 2, ""), 2: ("pending", 0, ""), 3: ("pending", 0, "")}
    store.put_jobs("t", [nouns.job(0)])  # as every resumed run does
    assert store.progress("t") == {
        "answer": {"pending": 1, "done": 2, "failed": 0},
        "judge": {"pending": 1, "done": 0, "failed": 0},
        "human": {"pending": 0, "done": 0, "failed": 0},
    }
    assert [job.position for job in store.jobs("t", kind="judge")] == [3]


def test_a_broken_batch_leaves_nothing_and_stops_the_store(place, nouns):
    store = Store.create(place)
    store.put_trial("t", name="trial", created="2026", body={})
    store.flush()
    store.put_response("good", nouns.response(1))
    store.put_score("nobody", nouns.score(1))  # a score of no response: refused by the foreign key, with its batch
    for attempt in (store.flush, store.flush, lambda: store.put_meta("a", "b"), store.close, store.close):
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
            attempt()
    with Store.open(place) as again:
        assert again.response("good") is None
        assert again.trial("t") is not None


def test_marking_a_job_that_is_not_there(place):
    store = Store.create(place)
    store.mark("t", 9, "done")
    with pytest.raises(IntegrityError, match="not in the ledger"):
        store.close()


def test_a_closed_store_takes_nothing(place, nouns):
    store = Store.create(place)
    store.close()
    store.close()
    with pytest.raises(FairtrialError, match="closed"):
        store.record(nouns.key(1), nouns.request(1), nouns.completion(1))


POSITIONS = st.integers(0, 6)


class Ledger(RuleBasedStateMachine):
    """Any order of puts, marks, flushes and reopenings agrees with a dict that never forgets and never overwrites."""

    @initialize()
    def start(self) -> None:
        self.store = Store.create(self.fresh())
        self.store.put_trial("t", name="t", created="2026", body={})
        self.jobs: dict[int, Job] = {}
        self.responses: dict[str, str] = {}
        self.calls: dict[str, str] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    @rule(position=POSITIONS, key=POSITIONS)
    def enter(self, position: int, key: int) -> None:
        job = self.nouns.job(position, key=f"k{key}")
        self.store.put_jobs("t", [job])
        self.jobs.setdefault(position, job)

    @rule(key=POSITIONS, text=st.sampled_from(["a", "b"]))
    def respond(self, key: int, text: str) -> None:
        self.store.put_response(f"k{key}", self.nouns.response(key, text))
        self.responses.setdefault(f"k{key}", f"{text} {key}")

    @rule(n=POSITIONS, text=st.sampled_from(["a", "b"]))
    def call(self, n: int, text: str) -> None:
        self.store.record(self.nouns.key(n), self.nouns.request(n), self.nouns.completion(n, text))
        self.calls.setdefault(self.nouns.key(n), f"{text} {n}")

    @rule(position=POSITIONS, state=st.sampled_from(["pending", "done", "failed"]), note=st.sampled_from(["", "x"]))
    def mark(self, position: int, state: str, note: str) -> None:
        if position in self.jobs:
            self.store.mark("t", position, state, note)
            old = self.jobs[position]
            self.jobs[position] = self.nouns.job(
                position, key=old.key, state=state, note=note, attempts=old.attempts + 1
            )

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.store.place)

    @rule()
    def flush(self) -> None:
        self.store.flush()

    @invariant()
    def recalls(self) -> None:
        if hasattr(self, "store"):
            found = {key: self.store.recall(key) for key in map(self.nouns.key, range(7))}
            assert {key: call.text for key, call in found.items() if call} == self.calls

    @rule()
    def read(self) -> None:
        ordered = [self.jobs[position] for position in sorted(self.jobs)]
        assert list(self.store.jobs("t")) == ordered
        assert list(self.store.pending("t")) == [job for job in ordered if job.state == "pending"]
        found = [(position, response.text) for position, response in self.store.responses("t")]
        assert found == [(j.position, self.responses[j.key]) for j in ordered if j.key in self.responses]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_ledger_against_a_model(tmp_path: Path, nouns, kind: str, request: pytest.FixtureRequest):
    names = (tmp_path / f"{n}.db" for n in itertools.count())
    server = request.getfixturevalue("postgres") if kind == "postgres" else None

    class Here(Ledger):
        def fresh(self):
            return server.fresh() if server else next(names)

    Here.nouns = nouns
    quick = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    run_state_machine_as_test(Here, settings=quick)
