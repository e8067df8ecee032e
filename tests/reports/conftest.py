"""A made-up report with its evidence files, seeded, and a real browser to open the page in. Read `make_up` first."""

import asyncio
import contextlib
import dataclasses
import json
import math
import random
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fairtrial.core import Board, BoardModel, Difference, Report, canonical_json, digest
from fairtrial.ranking import as_battles, rank, rank_by
from fairtrial.reports import Ranking, write_html
from fairtrial.stats import rater_agreement

HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    '<img src=x onerror="window.pwned = 2">',
    "<svg onload=window.pwned=3><style>body{display:none}</style>",
    "javascript:window.pwned=4",
    "safe \u202eexe.gpj\u202c and zero\u200bwidth and \x1b[2Jescape \x07",
    "{{ 7 * 7 }} {% raw %} ${window.pwned=5} <!-- ]]> &lt;b&gt;",
    "[" * 3000,
    "긴 한국어 답입니다. 서울은 대한민국의 수도입니다. " * 20,
)
STRATEGIES = {
    "direct": (0.62, 20),
    "few-shot": (0.85, 160),
    "cot": (0.45, 220),
    "persona <b>교수</b>": (0.60, 48),
    "anchor": (0.30, 0),
}
CATEGORIES = ("arithmetic", "facts", "sentiment", "상식")
JUDGE = "judge:smollm2-135m"


def wilson(right: float, n: int) -> tuple[float, float]:
    """A plausible interval."""
    p, z = right / n, 1.96
    mid, half = (
        (p + z * z / 2 / n) / (1 + z * z / n),
        z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n),
    )
    return max(0.0, mid - half), min(1.0, mid + half)


def rate(right: int, n: int) -> dict[str, Any]:
    return {"estimate": right / n, "ci": list(wilson(right, n)), "n": n}


def prompts_of(n: int, dice: random.Random) -> list[dict[str, Any]]:
    rows = []
    for i in range(n):
        category = CATEGORIES[i % 4]
        korean = i % 3 == 0 or category == "상식"
        a, b = dice.randint(10, 90), dice.randint(10, 90)
        ask = (
            f"{a} 더하기 {b}는 얼마입니까? 숫자로만 답하세요."
            if korean
            else f"What is {a} plus {b}? Reply with only the number."
        )
        turns = [ask, "Are you sure?"] if i % 11 == 5 else [ask]
        key = f"item-{i:05d}"
        row = {
            "id": digest([key, turns]), "key": key, "turns": turns, "system": "Be brief." if i % 5 == 0 else "",
            "choices": ["긍정", "부정"] if category == "sentiment" else [], "reference": str(a + b), "tags": [category, "made-up"],
            "language": "ko" if korean else "en", "source": "made up", "licence": "CC0-1.0",
        }  # fmt: skip
        rows.append(row)
    return rows


def answer_of(prompt: dict[str, Any], strategy: str, cid: str, dice: random.Random, hostile: int) -> tuple[dict, dict]:
    skill, tokens = STRATEGIES[strategy]
    draw = dice.random()
    reason = "right" if draw < skill else "wrong"
    finish, error = "stop", ""
    if strategy == "cot" and dice.random() < 0.4:
        reason, finish = "truncated", "length"
    elif dice.random() < 0.02:
        reason, finish, error = "failed", "error", "crashed"
    elif dice.random() < 0.03:
        reason, finish = "refused", "refused"
    said = prompt["reference"] if reason == "right" else str(dice.randint(20, 180))
    text = (
        HOSTILE[hostile % len(HOSTILE)]
        if hostile < 24
        else f"The answer is {said}." + " Let me explain why." * dice.randint(0, 9)
    )
    turns = [f"First: {said}", text] if len(prompt["turns"]) > 1 else [text]
    steps = [
        {
            "label": f"turn {k + 1}",
            "text": t,
            "finish": finish,
            "answer": said,
            "reasoning": "Carry the one." if strategy == "cot" else "",
            "error": error,
        }
        for k, t in enumerate(turns)
    ]
    response = {
        "id": digest([prompt["id"], cid]), "prompt": prompt["id"], "contestant": cid, "name": strategy, "repeat": 0, "turns": turns,
        "finish": finish, "error": error, "steps": steps,
        "usage": {"prompt_tokens": tokens + 30, "completion_tokens": 12, "reasoning_tokens": 0}, "usd": 0.0, "style": {"words": 5},
    }  # fmt: skip
    score = {
        "response": response["id"], "prompt": prompt["id"], "contestant": cid, "repeat": 0, "scorer": "exact",
        "value": float(reason == "right"), "reason": reason, "extracted": said,
    }  # fmt: skip
    return response, score


def make_report(directory: Path, *, prompts: int = 40, seed: int = 7, text: bool = True) -> Report:
    """Write report.json and the five evidence files of a made-up trial; the same seed writes the same bytes."""
    dice = random.Random(seed)
    ids = {name: digest(["contestant", name]) for name in STRATEGIES}
    asked = prompts_of(prompts, dice)
    responses, scores, battles, votes = [], [], [], []
    for i, prompt in enumerate(asked):
        for j, name in enumerate(STRATEGIES):
            hostile = i * 5 + j if i < 5 else 99
            response, score = answer_of(prompt, name, ids[name], dice, hostile)
            responses.append(response)
            scores.append(score)
        if i < 30:
            mine = responses[-5:]
            one, two = dice.sample(mine, 2)
            battle = {
                "id": digest([one["id"], two["id"]]), "prompt": prompt["id"], "a": one["id"], "b": two["id"], "contestant_a": one["contestant"],
                "contestant_b": two["contestant"], "repeat": 0, "policy": "uniform", "seed": 7, "p_pair": 0.1,
            }  # fmt: skip
            battles.append(battle)
            status = dice.choices(["graded", "both_bad", "abstain", "invalid"], [80, 8, 4, 8])[0]
            votes.append(
                {
                    "id": digest([battle["id"], "vote"]),
                    "battle": battle["id"],
                    "evaluator": JUDGE,
                    "kind": "judge",
                    "status": status,
                    "grade": dice.choice([-2, -1, 0, 1, 2]) if status == "graded" else None,
                    "order": "both",
                    "template": digest("template"),
                    "detail": {"log_odds_ab": 2.27, "log_odds_ba": 2.31, "said": "A"},
                }
            )
    if not text:
        for row in asked:
            for field in ("turns", "system", "choices", "reference"):
                del row[field]
        for row in responses:
            row["turns"], row["steps"] = [], []
        for row in scores:
            row["extracted"] = ""
        for row in votes:
            row["detail"] = {}
    files = {"prompts": asked, "responses": responses, "scores": scores, "battles": battles, "votes": votes}
    evidence = {}
    for stem, rows in files.items():
        data = b"".join(canonical_json(row) + b"\n" for row in rows)
        (directory / f"{stem}.jsonl").write_bytes(data)
        evidence[f"{stem}.jsonl"] = digest(data.decode())
    report = report_of(ids, asked, responses, scores, evidence)
    (directory / "report.json").write_bytes(canonical_json(report))
    return report


def scorer_board(scores: list[dict], ids: dict[str, str], n: int) -> Board:
    rows = []
    for name in STRATEGIES:
        right = sum(s["value"] for s in scores if s["contestant"] == ids[name])
        rows.append((name, right / n, wilson(right, n)))
    rows.sort(key=lambda row: -row[1])
    # Rank sets by whether plain intervals overlap: crude, but only a made-up report needs it.
    models = []
    for name, score, ci in rows:
        above = sum(other[2][0] > ci[1] for other in rows)
        below = sum(other[2][1] < ci[0] for other in rows)
        models.append(
            BoardModel(
                name=name,
                rating=None,
                ci=(None, None),
                rank_set=(1 + above, len(rows) - below),
                tier=1 + above,
                votes=0,
                win_rate=None,
                score=score,
                score_ci=ci,
                score_n=n,
                usd=0.0,
                tokens=STRATEGIES[name][1] + 42.0,
                simulated=name == "anchor",
            )
        )
    differences = []
    for i, a in enumerate(models):
        for b in models[i + 1 :]:
            estimate = a.score - b.score
            half = 1.96 * math.sqrt((a.score * (1 - a.score) + b.score * (1 - b.score)) / n)
            verdict = "better" if estimate - half > 0 else "equivalent" if estimate + half < 0.05 else "inconclusive"
            more = max(1, round((half / max(estimate, 0.05)) ** 2 * n - n)) if verdict == "inconclusive" else None
            differences.append(
                Difference(
                    a=a.name,
                    b=b.name,
                    estimate=estimate,
                    ci=(estimate - half, estimate + half),
                    unit="score",
                    verdict=verdict,
                    margin=0.05,
                    n=n,
                    more_items=more,
                )
            )
    return Board(
        evidence="scorer", scope="these prompts", view={"prompts": "all"}, models=tuple(models), differences=tuple(differences),
        fit={"method": "paired bootstrap", "draws": 10000, "seed": 7, "clusters": "prompt", "level": 0.95},
        refusals=("No claim about prompts beyond these: 40 effective prompts of one source.",),
        matrix=tuple(tuple((7 * i + 3 * j) % 19 if i != j else 0 for j in range(5)) for i in range(5)), snapshot=digest("scores"),
    )  # fmt: skip


def judge_board() -> Board:
    rows = [
        BoardModel(name="few-shot", rating=None, ci=(1041.0, None), rank_set=(1, 3), tier=1, votes=12, win_rate=1.0),
        BoardModel(name="direct", rating=1022.4, ci=(931.0, 1113.0), rank_set=(1, 5), tier=1, votes=13, win_rate=0.58),
        BoardModel(
            name="persona <b>교수</b>",
            rating=1003.0,
            ci=(905.0, 1101.0),
            rank_set=(1, 5),
            tier=1,
            votes=11,
            win_rate=0.5,
        ),
        BoardModel(name="cot", rating=921.2, ci=(822.0, 1020.0), rank_set=(2, 5), tier=1, votes=12, win_rate=0.29),
        BoardModel(
            name="anchor",
            rating=None,
            ci=(None, None),
            rank_set=None,
            tier=None,
            votes=0,
            win_rate=None,
            simulated=True,
        ),
    ]
    pair = Difference(
        a="direct",
        b="cot",
        estimate=101.2,
        ci=(-33.0, 235.0),
        unit="rating",
        verdict="inconclusive",
        margin=30.0,
        n=12,
        more_items=28,
    )
    return Board(
        evidence="judge", scope="judge opinion", view={"prompts": "all"}, models=tuple(rows), differences=(pair,),
        fit={"model": "Bradley-Terry with ties", "clusters": "prompt", "degrees of freedom": 29, "converged": True},
        refusals=("few-shot is undefeated: only a lower bound can be given.", "anchor has no votes."), excluded={"invalid": 3, "abstain": 1},
        matrix=tuple(tuple((5 * i + 2 * j) % 7 if i != j else 0 for j in range(5)) for i in range(5)), snapshot=digest("votes"),
    )  # fmt: skip


def strata_of(asked: list[dict], scores: list[dict], ids: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for by in ("category", "language"):
        group = {p["id"]: p["tags"][0] if by == "category" else p["language"] for p in asked}
        for value in dict.fromkeys(group.values()):
            for name, cid in ids.items():
                mine = [s["value"] for s in scores if s["contestant"] == cid and group[s["prompt"]] == value]
                floor = sum(mine) == 0 or (by == "category" and value == "facts" and name == "anchor")
                found.append(
                    {
                        "contestant": cid,
                        "by": by,
                        "value": value,
                        "n": len(mine),
                        "score": None if floor else sum(mine) / len(mine),
                        "ci": None if floor else list(wilson(sum(mine), len(mine))),
                        "note": "no evidence" if floor else "",
                    }
                )
    return found


def report_of(
    ids: dict[str, str], asked: list[dict], responses: list[dict], scores: list[dict], evidence: dict[str, str]
) -> Report:
    n = len(asked)
    failures = []
    for cid in ids.values():
        for reason in ("truncated", "refused", "failed: crashed"):
            count = sum(s["reason"] == reason.split(":")[0] for s in scores if s["contestant"] == cid)
            if count:
                failures.append({"contestant": cid, "reason": reason, "count": count, "n": n})
    contestants = [
        {
            "id": cid, "name": name,
            "model": {"provider": "sim" if name == "anchor" else "embedded", "model": "anchor-30" if name == "anchor" else "smollm2-135m", "digest": digest(name),
                      "endpoint": "", "mode": "reproducible", "simulated": name == "anchor"},
            "strategy": name, "params": {"shots": 3} if name == "few-shot" else {}, "sampling": {"temperature": 0.0, "max_tokens": 72, "top_p": None},
            "facts": {"licence": "Apache-2.0"}, "n": n, "failed": sum(f["count"] for f in failures if f["contestant"] == cid),
        }
        for name, cid in ids.items()
    ]  # fmt: skip
    costs = [
        {"contestant": cid, "answers": n, "calls": n, "prompt_tokens": sum(r["usage"]["prompt_tokens"] for r in responses if r["contestant"] == cid),
         "completion_tokens": 12 * n, "reasoning_tokens": 0, "usd": 0.0}
        for cid in ids.values()
    ]  # fmt: skip
    judge = {
        "evaluator": JUDGE, "name": "smollm2", "single_order_agreement": rate(26, 50), "same_text": 2, "model": "embedded/smollm2-135m", "n": 30, "battles": 30,
        "first_rate": rate(29, 30), "consistency": rate(2, 30),
        "agreement": rate(17, 25), "invalid": 3, "ties": 4, "method": "token probabilities, both orders averaged",
    }  # fmt: skip
    return Report(
        name="starter <script>alert(1)</script>", created="2026-11-23T10:00:00Z", trial={"name": "starter", "seed": 7, "prompts": "builtin:starter", "limit": n},
        software={"fairtrial": "0.1.0", "python": "3.11.2", "numpy": "2.4.6"}, contestants=tuple(contestants),
        boards=(judge_board(), scorer_board(scores, ids, n)), strata=tuple(strata_of(asked, scores, ids)), judges=(judge,),
        failures=tuple(failures), costs=tuple(costs), notes=("Made up by a test; no model was asked.",), evidence=evidence,
    )  # fmt: skip


@pytest.fixture
def make_up(tmp_path: Path) -> Callable[..., tuple[Path, Report]]:
    """Makes a report directory: ``make_up(prompts=40, seed=7, text=True)`` returns its path and the `Report`."""

    def make(**settings: Any) -> tuple[Path, Report]:
        directory = tmp_path / f"report-{len(list(tmp_path.iterdir()))}"
        directory.mkdir()
        return directory, make_report(directory, **settings)

    return make


def contrast_of(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two hex colours."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def contrast() -> Callable[[str, str], float]:
    """WCAG 2 contrast ratio of two hex colours."""
    return contrast_of


EMPTY = Report(name="empty", created="2026-11-23T10:00:00Z", trial={}, software={}, contestants=(), boards=())


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report, str]:
    """A report directory with its page, written once; tests only read it. Path, `Report` and the page's text."""
    directory = tmp_path_factory.mktemp("written")
    report = make_report(directory)
    return directory, report, write_html(directory).read_text()


@pytest.fixture
def empty_report() -> Report:
    """A report without any evidence."""
    return EMPTY


class Page:
    """One tab, driven over the DevTools protocol; what the page did wrong is collected in `problems`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket, self.sent, self.waiting = socket, 0, {}
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.loaded = asyncio.Event()
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            event = json.loads(message.data)
            if "id" in event:
                self.waiting.pop(event["id"]).set_result(event)
                continue
            method, params = event["method"], event["params"]
            if method == "Page.loadEventFired":
                self.loaded.set()
            elif method == "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
                self.problems.append(params["entry"]["text"])
            elif method in {"Runtime.exceptionThrown", "Page.javascriptDialogOpening", "Audits.issueAdded"}:
                self.problems.append(json.dumps(params))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.sent += 1
        future = asyncio.get_running_loop().create_future()
        self.waiting[self.sent] = future
        await self.socket.send_json({"id": self.sent, "method": method, "params": params})
        reply = await asyncio.wait_for(future, 60)
        assert "error" not in reply, reply
        return reply["result"]

    async def open(self, address: str) -> None:
        self.loaded.clear()
        await self.call("Page.navigate", url=address)
        await asyncio.wait_for(self.loaded.wait(), 60)

    async def evaluate(self, expression: str) -> Any:
        """The value of a script expression (a promise is awaited)."""
        reply = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until the expression is true."""
        for _ in range(600):
            if value := await self.evaluate(expression):
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"never true: {expression}")


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Page]:
    """A headless Chromium with one empty tab."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: install the package 'chromium' to run the browser tests")
    profile = tmp_path / "profile"
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        program, *flags, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        port_file = profile / "DevToolsActivePort"
        for _ in range(600):
            if port_file.exists() and port_file.read_text().count("\n"):
                break
            await asyncio.sleep(0.05)
        port = port_file.read_text().split("\n")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                tab = next(tab for tab in await reply.json(content_type=None) if tab["type"] == "page")
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
                    await page.call(f"{domain}.enable")
                yield page
                page.reader.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await page.reader
    finally:
        import os

        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


STRENGTHS = {"atlas": 2.2, "birch": 1.4, "cedar": 1.3, "dune <b>모델</b>": 0.2, "ember": 0.0, "fjord": -1.5}


def simulated_votes(count: int = 1500, *, seed: int = 3, models: dict[str, float] = STRENGTHS) -> dict[str, list[Any]]:
    """Votes of 25 people on 60 prompts in three languages; longer answers win more often, some are both bad."""
    dice = random.Random(seed)
    columns: dict[str, list[Any]] = {}
    for _ in range(count):
        a, b = dice.sample(list(models), 2)
        prompt, lengths = dice.randrange(60), [max(20, int(dice.gauss(300 + 60 * models[x], 120))) for x in (a, b)]
        gap = models[a] - models[b] + 0.002 * (lengths[0] - lengths[1])
        chances = (math.exp(gap / 2), math.exp(-gap / 2), 0.6, 0.1)
        winner = dice.choices(("model_a", "model_b", "tie", "tie (bothbad)"), chances)[0]
        row = {
            "model_a": a,
            "model_b": b,
            "winner": winner,
            "question_id": f"p{prompt}",
            "rater": f"r{dice.randrange(25)}",
        }
        row |= {"language": ("ko", "en", "de")[prompt % 3], "order": dice.choice(("ab", "ba"))}
        row |= {"feature_length_a": lengths[0], "feature_length_b": lengths[1]}
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns


def as_ranking(
    *, by: str = "", control: tuple[str, ...] = (), agreement: bool = False, matrix: bool = False, **options: Any
) -> Ranking:
    """What `rank` would find in `simulated_votes`."""
    votes = as_battles(options.pop("votes", simulated_votes()), control=control, by=("language", "rater"))
    boards = rank_by(votes, by, control=control, **options) if by else (rank(votes, control=control, **options),)
    found = dataclasses.asdict(rater_agreement(votes)) if agreement else None
    if found is not None:
        found["raters"] = [row | {"name": f"r{row['rater']}"} for row in found["raters"]]
    return Ranking(title="six.csv", boards=boards, by=by, agreement=found, matrix=matrix)


@pytest.fixture(scope="session")
def plain_ranking() -> Ranking:
    return as_ranking()


@pytest.fixture(scope="session")
def full_ranking() -> Ranking:
    """Everything asked for, split by language."""
    return as_ranking(by="language", control=("length", "position"), agreement=True, matrix=True)


@pytest.fixture(scope="session")
def controlled_ranking() -> Ranking:
    return as_ranking(control=("length",), matrix=True)


@pytest.fixture(scope="session")
def large_ranking() -> Ranking:
    """Sixty models with long names."""
    dice = random.Random(1)
    models = {f"model-{i:02d}-with-quite-a-long-name": dice.gauss(0, 1.5) for i in range(60)}
    return as_ranking(votes=simulated_votes(9000, models=models), matrix=True)


@pytest.fixture(scope="session")
def votes_columns() -> dict[str, list[Any]]:
    return simulated_votes()
