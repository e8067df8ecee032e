"""Judge cards as a page and a picture: judges of known habits, what is said of them, and what hostile names can do."""

import dataclasses
import json
import random
import re
from importlib.resources import files
from xml.etree import ElementTree as ET

import pytest

from fairtrial.core import BadInput, IntegrityError
from fairtrial.evaluators.contamination import text_hash
from fairtrial.formats.pairs import Pair
from fairtrial.lab import Lab
from fairtrial.lab.judging import JudgePlan, evaluate
from fairtrial.reports import judge_findings
from fairtrial.reports.judge_drawing import judges_svg
from fairtrial.reports.judge_measures import rows
from fairtrial.reports.judge_page import judge_page, write_judges
from fairtrial.reports.judges_told import read_told
from fairtrial.reports.words import LANGUAGES, say

SVG = "{http://www.w3.org/2000/svg}"
RULES = tuple(JudgePlan(model=f"heuristic/{rule}") for rule in ("longer", "first", "overlap"))
GOOD = JudgePlan(model="sim/judge-0.95")
POSITION = JudgePlan(model="sim/x", name="habit", read="verdict", settings={"judging": 0.6, "position": 3.0})
LENGTH = JudgePlan(
    model="sim/y", name="length", settings={"conviction": 0.0, "length_preference": 8.0, "position": 0.0}
)
WRONG = JudgePlan(model="sim/judge-0.05")
UNREAD = JudgePlan(model="sim/z", name="silent", read="verdict", settings={"judging": 0.8, "refusal_rate": 1.0})
HOSTILE_JUDGE = "<script>window.pwned=1</script>\u202e 심판"
HOSTILE_NAME = "<img src=x onerror=window.pwned=2>"
HOSTILE_KEY = '"><svg onload=window.pwned=3>'


def pairs_of(count, *, longer_wins=0.75, people=0, key="p{}", category=""):
    """Pairs of a longer and a shorter answer; the longer one is the better one so often."""
    dice = random.Random(4)
    found = []
    for n in range(count):
        long, short = (f"Answer {n} {word} " + "so it goes " * size for word, size in (("yes", 8), ("no", 2)))
        better_is_long, label = dice.random() < longer_wins, dice.choice("ab")
        a, b = (long, short) if better_is_long == (label == "a") else (short, long)
        said = tuple(label if dice.random() < 0.9 else ("b" if label == "a" else "a") for _ in range(people))
        found.append(
            Pair(
                key=key.format(n),
                prompts=(f"Question {n}?",),
                a=(a,),
                b=(b,),
                label=label,
                annotators=said,
                raters=tuple(f"person {k}" for k in range(people)),
                category=category and f"{category} {n % 2}",
            )
        )
    return tuple(found)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """``judged(pairs, *judges, **options)`` gives the directory of the cards."""
    lab = Lab.create(tmp_path_factory.mktemp("judged") / "lab")

    def judge(pairs, *judges, name="pairs.jsonl", injections=0, **options):
        return evaluate(lab, pairs, judges, name=name, injections=injections, **options).directory

    return judge


@pytest.fixture(scope="module")
def several(judged):
    """Every kind of judge, people, categories, and names that are an attack."""
    hostile = dataclasses.replace(GOOD, name=HOSTILE_JUDGE)
    given = pairs_of(160, people=3, key=HOSTILE_KEY + "{}", category=HOSTILE_NAME)
    return judged(given, *RULES, hostile, POSITION, LENGTH, WRONG, name=HOSTILE_NAME, injections=12)


@pytest.fixture(scope="module")
def page(several):
    return (several / "index.html").read_text()


def headlines(directory, language="en"):
    told = read_told(directory)
    return {
        card.judge: say(judge_findings.verdict(card, told, name="X"), language) for card in judge_findings.models(told)
    }


def test_headlines_say_what_judges_of_known_habits_are(several):
    assert headlines(several) == {
        HOSTILE_JUDGE: "X does better than every rule tried beside it",
        "habit": "X does worse than choosing the longer answer, and it prefers what is shown first",
        "length": "X does no better than choosing the longer answer, within 5 points",
        "sim/judge-0.05": "X chooses the worse answer more often than the better one",
    }
    assert "먼저 보인 답을 선호합니다" in headlines(several, "ko")["habit"]


def test_little_evidence_decides_nothing(judged):
    few = judged(pairs_of(12, longer_wins=0.5), RULES[0], JudgePlan(model="sim/judge-0.65"))
    assert headlines(few) == {"sim/judge-0.65": "X is not shown to do better than a coin"}
    some = judged(pairs_of(60, longer_wins=0.8), RULES[0], JudgePlan(model="sim/judge-0.85"))
    assert headlines(some) == {"sim/judge-0.85": "X is not shown to do better than choosing the longer answer"}
    assert "undecided: about" in (some / "index.html").read_text()


def test_many_readings_of_a_coin_are_one(judged):
    coin = dataclasses.replace(POSITION, settings={"judging": 0.5, "position": 9.0})
    assert headlines(judged(pairs_of(40), coin)) == {
        "habit": "X does no better than a coin, and it prefers what is shown first"
    }


def test_without_rules_a_judge_is_held_against_a_coin_only(judged):
    alone = judged(pairs_of(60), GOOD)
    assert headlines(alone) == {"sim/judge-0.95": "X does better than a coin; no rule was tried beside it"}
    told = read_told(alone)
    assert say(judge_findings.headline(told)).startswith("sim/judge-0.95 does better than a coin")
    assert told.beside == ()


def test_a_judge_that_cannot_be_read_has_no_other_headline(judged):
    silent = judged(pairs_of(40), RULES[0], UNREAD)
    assert headlines(silent) == {"silent": "X gave no readable verdict on most pairs"}
    assert "40 of 40 votes could not be read" in (silent / "index.html").read_text()


def test_without_labels_nothing_is_said_of_accuracy(judged):
    bare = tuple(dataclasses.replace(pair, label=None) for pair in pairs_of(30))
    directory = judged(bare, RULES[0], POSITION, GOOD)
    assert all("is unknown" in said for said in headlines(directory).values())
    told = read_told(directory)
    assert say(judge_findings.headline(told)) == "No verdict: no pair here says which answer is better"
    assert "30 have no label" in judge_page(told)


@pytest.mark.parametrize("judges", [(GOOD,), (GOOD, POSITION)])
def test_what_was_taught_is_never_a_headline(judged, judges):
    given = pairs_of(80)
    taught = [text_hash(f"question {n}?") for n in range(10)] + [text_hash(given[20].a[0])]
    directory = judged(given, *RULES, *judges, taught=taught, name=f"taught-{len(judges)}")
    told = read_told(directory)
    page, picture = (directory / "index.html").read_text(), (directory / "judges.svg").read_text()
    for said in (*headlines(directory).values(), say(judge_findings.headline(told))):
        assert "taught on some of these pairs" in said
        assert "better than" not in said
    for card in judge_findings.models(told):
        lines = [say(one) for one in judge_findings.points(card)]
        assert not any(line.startswith("Chose the better answer") for line in lines)
        assert "prompts of 10 and answers of 1 of these 80 pairs" in lines[0]
        assert f"n\u00a0=\u00a0{80 - 11}" in lines[0]
        assert judge_findings.beside(card, told) == []
    assert not any(judge_findings.taught(card) for card in judge_findings.rules(told)), "a rule learns nothing"
    assert "p0, p1, p2" in page
    assert 'class="beside"' not in page
    assert "its dots are no evidence" in picture
    assert picture.count("· taught<") == len(judges)


def test_one_taught_judge_does_not_silence_the_others(judged):
    given = pairs_of(80, longer_wins=0.5)
    told = read_told(judged(given, RULES[0], GOOD, taught=[text_hash("question 3?")], name="mixed"))
    clean = dataclasses.replace(told.judges[1], judge="clean", evaluator="judge:clean:0", further={})
    beside = (*told.beside, dataclasses.replace(told.beside[0], judge=clean.evaluator))
    mixed = dataclasses.replace(told, judges=(*told.judges, clean), beside=beside)
    assert say(judge_findings.headline(mixed)) == "Better than every rule tried beside it: clean"
    assert "sim/judge-0.95: taught on some of these pairs" in " ".join(map(say, judge_findings.about(mixed)))
    assert [card.judge for card in judge_findings.ordered(mixed)] == ["clean", "sim/judge-0.95", "heuristic/longer"]


def test_a_model_named_like_a_rule_is_none(judged):
    told = read_told(judged(pairs_of(60), dataclasses.replace(WRONG, name="heuristic/longer")))
    assert [card.judge for card in judge_findings.models(told)] == ["heuristic/longer"]
    assert "worse answer" in say(judge_findings.headline(told))


def test_every_figure_stands_on_the_page_with_its_n_and_its_meaning(several, page):
    cards = json.loads((several / "cards.json").read_text())["judges"]
    for card in cards:
        for name in ("accuracy", "consistent_accuracy", "first_rate", "length_matched_accuracy"):
            rate = card[name]
            low, high = (f"{100 * end:.1f}" for end in rate["ci"])
            assert f"{100 * rate['estimate']:.1f}%</span>" in page
            assert f'[{low}, {high}]</span> <span class="n">n = {rate["n"]}' in page
    for words in ("as that one does (ceiling)", "ω ", "×", "tokens a pair", "A coin has 50%", "동전은 50%입니다"):
        assert words in page, words
    shown = rows(tuple(judge_findings.ordered(read_told(several))))
    assert page.count('<span class="means">') == len(shown) > 15
    assert 'id="categories"' in page


def test_the_page_is_one_file_that_runs_only_its_own_script(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert policy.startswith("default-src &#39;none&#39;; ")
    assert "unsafe" not in policy
    assert page.count("<script") == 1
    assert not re.search(r'\sstyle="', page)
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"', page):
        assert target in ids, target
    for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
        assert "<caption>" in table
        assert 'scope="col"' in table


def test_names_are_only_ever_text(several, page):
    for hostile in ("<script>window", "<img src=x", "<svg onload", "\u202e"):
        assert hostile not in page
    assert "&lt;script&gt;window.pwned=1&lt;/script&gt;⟨RLO⟩ 심판" in page
    root = ET.fromstring((several / "judges.svg").read_text())
    assert not any("script" in element.tag or "image" in element.tag for element in root.iter())


def test_hostile_ids_of_taught_pairs_are_only_text(judged):
    taught = [text_hash("question 1?")]
    page = (judged(pairs_of(40, key=HOSTILE_KEY + "{}"), GOOD, taught=taught) / "index.html").read_text()
    assert "&#34;&gt;&lt;svg onload=window.pwned=3&gt;1" in page
    assert "<svg onload" not in page


def test_the_picture_shows_the_coin_and_people_and_can_be_read_aloud(several, judged):
    svg = (several / "judges.svg").read_text()
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text
    assert title.startswith("Better than every rule tried beside it: <script>")
    assert "n = 160" in description
    assert "a person agrees with the majority of the others" in description
    texts = [element.text for element in root.iter(f"{SVG}text")]
    for words in ("accuracy, %", "right in both orders, %", "order gap, points", "sim/judge-0.05 · simulated"):
        assert words in texts, words
    assert texts.index("habit") > texts.index("length"), "the more often right, the higher"
    assert svg.count('stroke-dasharray="4,3"') == 2
    assert svg.count('stroke-dasharray="1,3"') == 1
    assert not re.search(r"<script|<image|<foreignObject|href|style=", svg)
    alone = (judged(pairs_of(20), RULES[0]) / "judges.svg").read_text()
    assert 'stroke-dasharray="1,3"' not in alone
    assert "Only rules that read the surface were put on trial" in alone


def test_every_sentence_is_said_in_both_languages(several):
    told = read_told(several)
    for card in judge_findings.models(told):
        for one in (*judge_findings.points(card), *(word for _, word in judge_findings.beside(card, told))):
            english, korean = (say(one, language) for language in LANGUAGES)
            assert english != korean
            assert not re.search("[{}]", english + korean)


def test_the_same_cards_write_the_same_bytes(several, page):
    picture = (several / "judges.svg").read_bytes()
    told = read_told(several)
    assert judge_page(told) == page
    assert judges_svg(told).encode() == picture
    assert '<html lang="ko" data-language="ko">' in judge_page(told, lang="ko")


def test_damaged_cards_are_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be read") as caught:
        write_judges(tmp_path)
    assert "cards.json" in str(caught.value)
    for damaged in ("{}", "[1", '{"pairs": {}, "created": "", "judges": [{"judge": 3}]}'):
        (tmp_path / "cards.json").write_text(damaged)
        with pytest.raises(IntegrityError, match="damaged"):
            write_judges(tmp_path)


READY = "document.documentElement.dataset.ready === 'yes'"
SERIOUS = "r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1200, 360])
async def test_in_a_browser_nothing_leaves_nothing_runs_and_everybody_can_read(browser, several, width):
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    await browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    for language, theme in (("en", "light"), ("ko", "dark")):
        await browser.open(f"file://{several}/index.html?language={language}&theme={theme}")
        await browser.until(READY)
        heading = "[...document.querySelectorAll('#figures h2 span')].find(e => e.checkVisibility()).textContent"
        assert await browser.evaluate(heading) == say("judges.section.figures", language)
        assert await browser.evaluate("document.documentElement.scrollWidth") <= width
        assert await browser.evaluate("document.querySelectorAll(':is(script, img, svg [onload])').length") == 1
        assert await browser.evaluate("window.pwned") is None
        assert browser.problems == []
        await browser.call("Runtime.evaluate", expression=axe)
        found = await browser.evaluate(f"axe.run().then(r => {SERIOUS}.map(v => v.id + ' ' + v.nodes[0].html))")
        assert found == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.browser
async def test_without_javascript_the_headline_can_be_read(browser, several):
    await browser.call("Emulation.setScriptExecutionDisabled", value=True)
    await browser.open(f"file://{several}/index.html")
    await browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert await browser.evaluate("document.querySelector('.headline').checkVisibility()")
    assert not await browser.evaluate("document.querySelector('.controls').checkVisibility()")
