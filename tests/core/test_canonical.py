"""Canonical bytes and content addresses."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.core import (
    IntegrityError,
    Message,
    ModelIdentity,
    Request,
    call_key,
    canonical_json,
    digest,
    from_json,
    seed_of,
    to_json,
)

texts = st.text(st.characters(blacklist_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=12,
)


@given(values)
def test_canonical_json_reads_back_and_is_stable(value: object) -> None:
    data = canonical_json(value)
    assert json.loads(data) == value
    assert canonical_json(json.loads(data)) == data


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=12,
)


@given(anything)
def test_the_fast_way_writes_what_the_reference_writes(value: object) -> None:
    try:
        expected = rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.IntegerDomainError:  # a whole float beyond 2**53
        return
    assert canonical_json(value) == expected


def test_rfc_8785_example() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.5, 2e-3, 1e-27],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert canonical_json(value) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_json({"x": value})


def test_equal_requests_are_one_purchase_and_any_change_is_another() -> None:
    model = ModelIdentity(provider="sim", model="m")
    base = Request(model=model, kind="chat", messages=(Message(role="user", content="hi"),))
    same = Request(model=model, kind="chat", messages=(Message(role="user", content="hi"),))
    assert call_key(base) == call_key(same)
    others = [
        Request(model=model, kind="chat", messages=(Message(role="user", content="hi "),)),
        Request(model=model, kind="chat", messages=(Message(role="system", content="hi"),)),
        Request(model=ModelIdentity(provider="sim", model="m", mode="fast"), kind="chat", messages=base.messages),
        Request(model=model, kind="chat", messages=base.messages, seed=1),
        Request(model=model, kind="logprobs", messages=base.messages),
    ]
    assert len({call_key(r) for r in [base, *others]}) == len(others) + 1


def test_seeds_depend_on_their_keys_alone() -> None:
    assert seed_of("a", 1) == seed_of("a", 1)
    assert seed_of("a", 1) != seed_of("a", 2)
    seeds = [seed_of("draw", i) for i in range(2000)]
    assert all(0 <= s < 2**31 for s in seeds)
    assert 0.47 < sum(s % 2 for s in seeds) / len(seeds) < 0.53


def test_digest_is_a_sha256() -> None:
    assert digest({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_damaged_storage_says_so() -> None:
    assert from_json(to_json(Message(role="user", content="x")), Message).content == "x"
    with pytest.raises(IntegrityError, match="stored Message is damaged"):
        from_json(b'{"role": "user"', Message)
