"""Templates in files: what is shown and asked, and every way in which a file is no template."""

import asyncio
import re
from pathlib import Path

import pytest

from fairtrial.core import BadInput, Battle, Prompt, Response
from fairtrial.evaluators import Judge, reader_of
from fairtrial.evaluators.templates import RATE_BY_DIGIT, TEMPLATES, Template, read_template
from fairtrial.lab.judging import _Memory
from fairtrial.models import Gate, Model, open_provider

GOOD = {
    "rubric": "Which is kinder? {fence}",
    "case": "Q {question}\\nAnswer A:\\n{fence}\\n{first}\\n{fence}\\n\\nAnswer B:\\n{fence}\\n{second}\\n{fence}\\n",
    "ask": "End with 'Verdict: A', 'Verdict: B' or 'Verdict: tie'.",
    "kind": "verdict",
}


def toml(**changed) -> str:
    return "\n".join(f'{name} = "{value}"' for name, value in (GOOD | changed).items() if value is not None)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "words.toml"


def test_a_file_is_read_as_it_is_written(file):
    file.write_text("\ufeff" + toml())
    found = read_template(file)
    assert found == Template(**{k: v.replace("\\n", "\n") for k, v in GOOD.items()})
    assert found.digest != TEMPLATES["verdict"].digest


def test_the_built_in_ones_are_good():
    for template in (*TEMPLATES.values(), RATE_BY_DIGIT):
        template.check(where="built-in")


def test_the_documented_one_is_accepted(file):
    page = (Path(__file__).parents[2] / "docs" / "judges.md").read_text(encoding="utf-8")
    file.write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    assert read_template(file).kind == "verdict"


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        (toml(ask="Which is kinder?"), ": ask", "asks for no verdict that can be read as 'verdict'"),
        (toml(kind="grades"), ": ask", r"for example: \[\[A>B\]\]"),
        (toml(case="{question} {fence} {first}"), ": case", r"does not show \{second\}"),
        (toml(case="{question} {first} {second}"), ": case", "without fences"),
        (toml(case="{question} {first} {second} {fence} {answr}"), ": case", r"nothing is filled into '\{answr\}'"),
        (toml(kind="rating", ask="Rating: 1", case="{question} {first} {second} {fence}"), ": case", r"'\{second\}'"),
        (toml(kind="verdicts"), ": kind", "'verdicts' is no kind"),
        (toml(ask=None), "", "has no 'ask'"),
        (toml() + '\nrubrik = "x"', "", "Did you mean 'rubric'"),
        (toml() + "\n[table]", "", "'table' is no key"),
        (toml(rubric=None) + "\nrubric = 3", ": rubric", "must be a text"),
        ('rubric = "x', "", "not valid TOML"),
        ("a = " + "[" * 50_000, "", "not valid TOML"),
        (toml(rubric="x" * 100_000), "", "more than 100,000 bytes"),
        ("", "", "has no 'rubric'"),
    ],
)
def test_what_is_no_template_names_file_field_and_next_step(file, content, place, said):
    file.write_text(content)
    with pytest.raises(BadInput, match=said) as told:
        read_template(file)
    assert told.value.where == f"{file}{place}"
    assert told.value.next_step


def test_no_file_no_template(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(BadInput, match="cannot be read"):
            read_template(path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not valid TOML"):
        read_template(tmp_path / "bytes.toml")


def reader(template, read="auto"):
    model = Model(open_provider("sim/judge-1.0", {}), Gate(_Memory(), None))
    return reader_of(model, name="j", read=read, template=template)


def test_other_words_are_another_judge_read_in_its_own_way(file):
    file.write_text(toml())
    template = read_template(file)
    other = reader(template)
    assert not other.by_probability
    assert other.id != reader(TEMPLATES["verdict"]).id
    with pytest.raises(BadInput, match="read by 'probabilities'"):
        reader(template, read="probabilities")


def test_a_rating_asked_for_in_words_is_read_from_words():
    assert not reader(TEMPLATES["rating"]).by_probability
    assert reader(RATE_BY_DIGIT).by_probability


@pytest.mark.parametrize("repeats", [1, 3])
def test_shares_of_repeats_are_kept(repeats):
    prompt = Prompt(key="k", turns=("Why?",))
    a, b = (Response(prompt=prompt.id, contestant=c, turns=(c,)) for c in "xy")
    battle = Battle(prompt=prompt.id, a=a.id, b=b.id, contestant_a="x", contestant_b="y", policy="given")
    vote = asyncio.run(Judge(reader(TEMPLATES["verdict"]), repeats=repeats).judge(battle, prompt, a, b))
    assert ("share_ab" in vote.detail) == (repeats > 1)
