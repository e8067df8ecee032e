"""Small real nouns and a real database for the store's tests."""

import hashlib
from collections.abc import Iterator

import pytest

from fairtrial.core import (
    Battle,
    Completion,
    Contestant,
    Message,
    ModelIdentity,
    Prompt,
    Request,
    Response,
    Score,
    Vote,
    call_key,
)
from fairtrial.store import Job, Store

MODEL = ModelIdentity(provider="sim", model="anchor", simulated=True)


def address(value: object) -> str:
    return "sha256:" + hashlib.sha256(repr(value).encode()).hexdigest()


class Nouns:
    """Makes the nth of each noun."""

    def job(self, n: int, **changes: object) -> Job:
        return Job(
            **({"position": n, "kind": "answer", "key": address(n), "prompt": f"p{n}", "contestant": "c"} | changes)
        )

    def request(self, n: int) -> Request:
        return Request(model=MODEL, kind="chat", messages=(Message(role="user", content=f"질문 {n}"),), seed=n)

    def completion(self, n: int, text: str = "answer") -> Completion:
        return Completion(text=f"{text} {n}")

    def key(self, n: int) -> str:
        return call_key(self.request(n))

    def response(self, n: int, text: str = "answer") -> Response:
        return Response(prompt=f"p{n}", contestant="c", turns=(f"{text} {n}",))

    def score(self, n: int, scorer: str = "exact") -> Score:
        response = self.response(n)
        return Score(
            response=response.id, prompt=f"p{n}", contestant="c", repeat=0, scorer=scorer, value=0.5, reason="partial"
        )

    def battle(self, n: int) -> Battle:
        return Battle(prompt=f"p{n}", a=f"a{n}", b=f"b{n}", contestant_a="c", contestant_b="d")

    def vote(self, n: int, evaluator: str = "judge:x", grade: int = 1) -> Vote:
        return Vote(battle=self.battle(n).id, evaluator=evaluator, kind="judge", status="graded", grade=grade)

    def prompt(self, n: int, **changes: object) -> Prompt:
        return Prompt(**({"key": f"row {n}", "turns": (f"{n}?",)} | changes))

    def contestant(self, n: int, **changes: object) -> Contestant:
        return Contestant(**({"name": f"c{n}", "model": MODEL, "params": {"k": n}} | changes))


@pytest.fixture
def nouns() -> Nouns:
    return Nouns()


@pytest.fixture
def store(place) -> Iterator[Store]:
    with Store.create(place) as made:
        made.put_trial("t", name="trial", created="2026-11-23T10:00:00Z", body={"seed": 7})
        yield made
