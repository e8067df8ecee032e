"""Objections: received under signature, answered under signature, and whatever is changed afterwards is found."""

import json
from dataclasses import replace

import pytest

from fairtrial.arena import notices, objections
from fairtrial.arena.receipts import public_document, sign_own, verify_objection
from fairtrial.arena.refusals import Refused
from fairtrial.core import BadInput
from fairtrial.provenance import SigningKey, dsse
from fairtrial.store import Store, history

LAB, OTHER, PUPIL = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
PUBLISHED = {"release-1": "sha256:" + "ab" * 32, "starter": "cd" * 32}
TEXT = "Half of the votes\nwere cast in ten minutes. 조작입니다."


def filed(store: Store, text: str = TEXT, about: str = "release-1", **more):
    return store.transact(lambda c: objections.file(c, about, text, published=PUBLISHED, key=LAB, **more)).result()


def answered(store: Store, objection, outcome="upheld", text="So it is; corrected in release 2."):
    return store.transact(lambda c: objections.answer(c, objection.id, outcome, text, by="owner", key=LAB)).result()


def checked(objection, trusted=(LAB.public,)):
    return verify_objection(public_document(objection), trusted)


def test_filed_answered_public_and_verified(store: Store):
    first = filed(store, name="Kim", affiliation="Institute", own=sign_own("release-1", "ab" * 32, TEXT, PUPIL))
    second = filed(store, "Typo in row 3.", about="starter", kind="correction")
    done = answered(store, first)
    with store.reading() as connection:
        assert objections.public(connection) == [done, second]
        assert objections.public(connection, about="starter") == [second]
        told = [entry.body for entry in history.entries(connection, kinds=("objection",))]
    assert [entry["event"] for entry in told] == ["filed", "filed", "answered"]
    assert not any(word in json.dumps(told) for word in ("Kim", "votes", "corrected"))
    assert (done.state, done.answer.outcome, second.state) == ("upheld", "upheld", "open")
    assert done.fingerprints == (PUPIL.public.fingerprint,)
    found = checked(done)
    assert (found.word, found.problems, found.answered) == ("TRUSTED", (), True)
    assert found.signers == (LAB.public.fingerprint,)
    assert found.objectors == (PUPIL.public.fingerprint,)
    assert checked(done, [OTHER.public]).word == "UNTRUSTED"
    assert checked(second, [LAB.public.keyid]).word == "TRUSTED"


def test_every_change_to_a_document_is_found(store: Store):
    objection = answered(store, filed(store, name="Kim", own=sign_own("release-1", "ab" * 32, TEXT, PUPIL)))
    document = json.loads(public_document(objection))
    assert verify_objection(json.dumps(document).encode(), [LAB.public]).word == "TRUSTED"
    other = json.loads(public_document(answered(store, filed(store, "Another."), "dismissed", "No.")))
    changes = 0
    for name, value in document.items():
        altered = {
            str: [f"{value}x", ""], bool: [True], list: [[], [OTHER.public.keyid]], dict: [other[name], None],
        }[type(value)]  # fmt: skip
        for one in altered:
            if one == value or (name == "answer" and one is None):  # a left-out answer is a matter of the log
                continue
            found = verify_objection(json.dumps(document | {name: one}).encode(), [LAB.public])
            assert found.word in ("TAMPERED", "UNREADABLE"), (name, one)
            assert found.problems
            changes += 1
    for name in ("outcome", "text", "at"):
        reply = document["answer"] | {name: "dismissed"}
        assert verify_objection(json.dumps(document | {"answer": reply}).encode(), [LAB.public]).word == "TAMPERED"
    assert changes > 20
    for part in ("receipt", "own"):
        envelope = document[part] | {"payload": other["receipt"]["payload"]}
        assert verify_objection(json.dumps(document | {part: envelope}).encode(), [LAB.public]).word == "TAMPERED"


def test_what_somebody_else_signs_is_not_trusted(store: Store):
    objection = answered(store, filed(store))
    forged = replace(
        objection,
        text="I am content.",
        receipt=objections.sign_receipt(replace(objection, text="I am content."), OTHER),
        answer=None,
    )
    assert checked(forged).word == "UNTRUSTED"
    reply = replace(objection.answer, text="Never!")
    mixed = replace(objection, answer=replace(reply, receipt=objections.sign_answer(objection, reply, OTHER)))
    assert checked(mixed).word == "UNTRUSTED"


def test_an_answer_belongs_to_the_words_that_were_received(store: Store):
    objection = answered(store, filed(store))
    other = replace(objection, text="Milder words.")
    swapped = replace(other, receipt=objections.sign_receipt(other, LAB))  # by the lab itself
    assert checked(swapped).problems == ("answer: it is not what was signed.",)


def test_unsigned_parts_are_refused(store: Store):
    document = json.loads(public_document(answered(store, filed(store))))
    for changed in (document | {"note": "x"}, document | {"answer": document["answer"] | {"note": "x"}}):
        assert verify_objection(json.dumps(changed).encode(), [LAB.public]).word == "UNREADABLE"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"id": NaN}', b'{"id": "\\ud800"}', b" " * 1_000_001]
)
def test_what_is_no_document(data: bytes):
    found = verify_objection(data, [LAB.public])
    assert found.word == "UNREADABLE"
    assert found.problems


def test_withheld_words_leave_a_receipt_that_holds(store: Store):
    objection = answered(store, filed(store, name="Kim", own=sign_own("release-1", "ab" * 32, TEXT, PUPIL)))
    gone = store.transact(lambda c: objections.withhold(c, objection.id, why="names a pupil", by="mod")).result()
    with store.reading() as connection:
        assert objections.find(connection, objection.id) == gone
        assert "Kim" not in repr(notices.listed(connection, "objection"))
    found = checked(gone)
    assert (found.word, found.withheld, found.answered) == ("TRUSTED", True, True)
    assert checked(replace(gone, text="Other words")).word == "TAMPERED"
    with pytest.raises(BadInput, match="a reason is needed"):
        store.transact(lambda c: objections.withhold(c, objection.id, why=" ", by="mod")).result()


def test_one_answer_and_it_stays(store: Store):
    objection = answered(store, filed(store))
    with pytest.raises(BadInput, match="answered already"):
        answered(store, objection, "dismissed")
    for outcome, text, said in (("maybe", "x", "upheld or dismissed"), ("upheld", "", "no text")):
        with pytest.raises(BadInput, match=said):
            answered(store, filed(store), outcome, text)
    with pytest.raises(BadInput, match="no such objection"):
        answered(store, replace(objection, id="o-0"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"about": "release-2"}, "Did you mean 'release-1'"),
        ({"about": "../x"}, "no such verdict"),
        ({"text": " \r\n"}, "no text"),
        ({"text": "x" * 10_001}, "at most 10,000"),
        ({"text": "\ud800"}, "no text"),
        ({"name": "a\nb"}, "one printable line"),
        ({"name": "x" * 201}, "at most 200"),
        ({"affiliation": "\0"}, "no text"),
        ({"kind": "praise"}, "neither objection nor correction"),
        ({"own": b"{}"}, "no signed statement"),
        ({"own": b" " * 200_000}, "no signed statement"),
        ({"own": sign_own("starter", "cd" * 32, TEXT, PUPIL)}, "not this text about this verdict"),
        ({"own": sign_own("release-1", "ab" * 32, "Other words", PUPIL)}, "not this text about this verdict"),
        ({"own": dsse.sign(b"{}", PUPIL)}, "no signed statement"),
        (
            {"own": sign_own("release-1", "ab" * 32, TEXT, PUPIL).replace(b'"sig":"', b'"sig":"A')},
            "no signed statement",
        ),
    ],
)
def test_bad_objections_leave_nothing_behind(store: Store, change: dict, said: str):
    with pytest.raises(BadInput, match=said):
        filed(store, **change)
    with store.reading() as connection:
        assert objections.public(connection) == []
        assert history.head(connection).size == 0


def test_a_broken_own_signature_is_refused(store: Store):
    envelope = json.loads(sign_own("release-1", "ab" * 32, TEXT, PUPIL))
    envelope["signatures"][0]["sig"] = json.loads(sign_own("release-1", "ab" * 32, "Other words", PUPIL))["signatures"][
        0
    ]["sig"]
    with pytest.raises(BadInput, match="does not match"):
        filed(store, own=json.dumps(envelope).encode())


def test_a_flood_is_held_off(store: Store, monkeypatch):
    monkeypatch.setattr(objections, "MAX_OPEN", 2)
    filed(store), filed(store)
    with pytest.raises(Refused) as caught:
        filed(store)
    assert caught.value.kind == "too_many_notices"


def test_a_form_and_a_file_end_lines_differently(store: Store):
    own = sign_own("release-1", "ab" * 32, TEXT + "\n", PUPIL)
    assert filed(store, TEXT.replace("\n", "\r\n"), own=own).signers == (PUPIL.public.keyid,)
