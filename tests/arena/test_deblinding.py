"""The de-blinding audit: certain where habits differ, at chance where nothing does, and never by a masked name."""

import gzip
import json
import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.sparse import csr_array

from fairtrial.arena.blinding import Blinding
from fairtrial.arena.deblinding import Answers, Audit, Auditor, Stopped, TooFew, audit, gather
from fairtrial.stats.softmax import hashed, log_chances, softmax_regression

WORDS = [f"word{k}" for k in range(60)]


def battles(count, *, habit=0.0, prompts=40, seed=0):
    """Battles of x and y, who write from one bag of words; x opens with "Sure" in a share of its answers."""
    draws = random.Random(seed)

    def text(name):
        said = " ".join(draws.choices(WORDS, k=draws.randint(20, 60)))
        return f"Sure, {said}" if name == "x" and draws.random() < habit else said

    made = []
    for k in range(count):
        a, b = draws.sample(["x", "y"], 2)
        made.append(Answers(a=a, b=b, text_a=text(a), text_b=text(b), prompt=f"prompt {k % prompts}"))
    return made


def test_softmax_of_two_classes_is_ridge_logistic_regression():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(300, 5))
    classes = (features @ [1.0, -2.0, 0.5, 0.0, 0.0] + rng.logistic(size=300) > 0.3).astype(int)
    weights = softmax_regression(csr_array(features), classes, 2, penalty=0.02, steps=500)
    model = sm.GLM(classes, sm.add_constant(features), family=sm.families.Binomial())
    peer = model.fit_regularized(alpha=np.array([0, *[0.01] * 5]), L1_wt=0, cnvrg_tol=1e-10, maxiter=1000)
    assert weights[:-1, 1] - weights[:-1, 0] == pytest.approx(peer.params[1:], abs=2e-3)
    assert weights[-1, 1] - weights[-1, 0] == pytest.approx(peer.params[0], abs=2e-3)
    chances = np.exp(log_chances(csr_array(features), weights))
    assert chances.sum(axis=1) == pytest.approx(1)
    assert chances[:, 1] == pytest.approx(model.predict(peer.params), abs=2e-3)


def test_rows_of_columns_are_the_matrix_they_say():
    assert hashed([{3: 2.0, 0: 1.0}, {}, {1: 5.0}], 4).toarray().tolist() == [[1, 0, 0, 2], [0, 0, 0, 0], [0, 5, 0, 0]]


@pytest.mark.parametrize("seed", range(3))
def test_a_habit_gives_a_contestant_away_and_nothing_gives_nothing_away(seed):
    known, open_ = audit(battles(150, habit=1.0, seed=seed)), audit(battles(150, seed=seed))
    assert known.words.which.estimate > 0.97
    assert known.words.who.estimate > 0.9
    assert known.each["x"].estimate == known.words.which.estimate
    assert open_.words.which.lower < 0.5 < open_.words.which.upper
    assert open_.habits.which.lower < 0.5 < open_.habits.which.upper
    assert (open_.battles, open_.contestants, open_.left_out) == (150, 2, 0)
    assert 50 <= open_.guessed_at <= 70
    again = audit(battles(150, habit=1.0, seed=seed))
    assert replace(again, at=known.at) == known


def test_a_rarer_habit_gives_away_less():
    often, seldom = (audit(battles(300, habit=share)).words.which.estimate for share in (0.9, 0.4))
    assert often > seldom > 0.5


def test_layout_alone_may_tell():
    made = [
        replace(one, text_a=one.text_a.replace(" ", "\n- ", 5) if one.a == "x" else one.text_a,
                text_b=one.text_b.replace(" ", "\n- ", 5) if one.b == "x" else one.text_b)
        for one in battles(150)
    ]  # fmt: skip
    assert audit(made).habits.which.estimate > 0.97


def test_equal_texts_are_a_tie_and_count_a_half():
    made = [replace(one, text_a="The same.", text_b="The same.") for one in battles(120)]
    assert audit(made).words.which.estimate == 0.5


def test_what_was_learnt_is_not_the_answer_to_a_prompt():
    """Each contestant says one thing of its own about each prompt, and nothing that comes again on another."""
    draws = random.Random(8)
    made = []
    for k in range(200):
        prompt = k % 40
        a, b = draws.sample(["x", "y"], 2)
        texts = {name: f"{name}{prompt}q {name}{prompt}r" for name in (a, b)}
        made.append(Answers(a=a, b=b, text_a=texts[a], text_b=texts[b], prompt=str(prompt)))
    rate = audit(made).words.which
    assert rate.lower < 0.5 < rate.upper  # by chance, although battles on one prompt repeat word for word


def test_too_few_are_told_and_rare_contestants_left_out():
    assert audit([]) == TooFew(contestants=0, prompts=0)
    assert audit(battles(19)) == TooFew(contestants=0, prompts=0)
    assert audit(battles(100, prompts=9)) == TooFew(contestants=2, prompts=9)
    rare = [replace(one, b="z") if one.b == "y" else one for one in battles(10, seed=9)]
    found = audit([*battles(60), *rare])
    assert isinstance(found, Audit)
    assert (found.contestants, found.left_out) == (2, 1)
    assert set(found.each) == {"x", "y"}


def test_it_can_be_stopped():
    with pytest.raises(Stopped):
        audit(battles(60), go_on=lambda: False)


@pytest.mark.data
def test_real_models_are_told_apart_on_prompts_never_seen():
    if "FAIRTRIAL_TEST_DATA" not in os.environ:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of published benchmarks")
    with gzip.open(
        Path(os.environ["FAIRTRIAL_TEST_DATA"], "alpaca_eval", "outputs.jsonl.gz"), "rt", encoding="utf-8"
    ) as lines:
        rows = [json.loads(line) for line in lines]
    outputs = {(row["model"], row["prompt_id"]): row["output"] for row in rows}
    blinding, draws = Blinding(), random.Random(1)
    models, made = ["gpt4_1106_preview", "oasst-sft-pythia-12b"], []
    for prompt in range(120):
        a, b = draws.sample(models, 2)
        texts = [blinding.mask(outputs[name, prompt]).text for name in (a, b)]
        made.append(Answers(a=a, b=b, text_a=texts[0], text_b=texts[1], prompt=str(prompt)))
    assert audit(made).words.which.lower > 0.7
    lots = [replace(one, a=one.b, b=one.a) if draws.random() < 0.5 else one for one in made]
    rate = audit(lots).words.which
    assert rate.lower < 0.5 < rate.upper


async def test_the_arena_audits_what_its_voters_saw(open_arena, sim):
    """The contestants' answers differ in their names alone, and those are masked."""
    lab = await open_arena(
        [sim(name, answers=[f"I am {name}, and this is all."], skill=None) for name in ("Toad", "Newt")],
        limits={"battles_per_minute": 100},
    )
    rater = lab.rater(await lab.enrol("cookie"))
    assert lab.auditor.look(0) is None
    lab.auditor.wait()
    assert lab.auditor.look(0) == TooFew(contestants=0, prompts=0)
    for k in range(24):
        battle = await lab.begin(rater, f"Question {k}, please?")
        await battle.settled()
        await lab.vote(rater, battle.ballot.id, "skip" if k % 5 == 0 else 1)
    seen = gather(lab.store, lab.blinding)
    assert len(seen) == 24
    assert {text for one in seen for text in (one.text_a, one.text_b)} == {"I am ▒▒▒▒, and this is all."}
    assert {name for one in seen for name in (one.a, one.b)} == set(lab.registry.entrants)
    made = Auditor(lab.store, lambda: lab.blinding)
    assert made.look(24) is None
    made.wait()
    found = made.look(24)
    assert (found.battles, found.words.which.estimate, found.words.who.estimate) == (24, 0.5, 0.5)
    made.close()


def test_an_audit_is_made_anew_when_there_is_more_to_see(store):
    moment = [0.0]
    made = Auditor(store, Blinding, clock=lambda: moment[0])
    made.look(100)
    made.wait()
    first = made.look(100)
    assert first is not None
    moment[0] += 6
    assert made.look(104) is first  # too little has come
    assert made._running is None
    assert made.look(106) is first  # the newest there is, while the next is being made
    assert made._running is not None
    made.wait()
    assert made.look(106) == first
    made.close()
    made.close()


def test_an_audit_that_fails_is_for_the_log_and_is_tried_again(store, caplog):
    moment, given = [0.0], [0, 1]

    def blinding():
        assert given.pop(0), "a defect"
        return Blinding()

    made = Auditor(store, blinding, clock=lambda: moment[0])
    assert made.look(10) is None
    with pytest.raises(AssertionError, match="a defect"):
        made.wait()
    assert made.look(10) is None
    assert made._running is None  # not at once
    assert "the audit of blindness could not be made" in caplog.text
    moment[0] += 6
    assert made.look(10) is None
    made.wait()
    assert made.look(10) == TooFew(contestants=0, prompts=0)
    made.close()
