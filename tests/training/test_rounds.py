"""The whole loop on the real model: pairs, warm-up, judgments, learning, adapters, cards; and after kill -9."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra [train]")

from fairtrial.evaluators.examining import items_of
from fairtrial.formats.pairs import read_pairs
from fairtrial.models.catalog import pull
from fairtrial.training.config import read_config
from fairtrial.training.judges import TaughtJudge
from fairtrial.training.rounds import Run, train
from fairtrial.training.sampling import read_judgments

pytestmark = [pytest.mark.model, pytest.mark.xdist_group("training"), pytest.mark.timeout(600)]

FILE = """
name = "tiny"
seed = 1
[instructions]
families = ["items", "contains"]
limit = 6
[synthesis]
generator = "program"
[judge]
model = "embedded/smollm2-135m"
grid = "Q4_0"
threads = 1
max_tokens = 24
context = 512
[warmup]
families = ["items", "contains"]
examples = 32
epochs = 1
[sampling]
samples = 3
[keeping]
success = 0.0
[learning]
rate = 2e-3
rank = 4
epochs = 1
batch = 8
[rounds]
most = 1
[validation]
synthetic = 4
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run that was killed while it judged, and gone on with."""
    pull("smollm2-135m")
    home = tmp_path_factory.mktemp("taught")
    (home / "tiny.toml").write_text(FILE)
    out = home / "run"
    fairtrial = str(Path(sys.executable).with_name("fairtrial"))
    command = [fairtrial, "judge", "train", str(home / "tiny.toml"), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home)
    judged = out / "round-1" / "judgments.jsonl"
    while process.poll() is None and not (judged.exists() and len(judged.read_bytes().splitlines()) >= 5):
        time.sleep(0.05)
    assert process.poll() is None, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (home / "before.jsonl").write_bytes(judged.read_bytes())
    finished = subprocess.run(command, capture_output=True, cwd=home, check=False)
    assert finished.returncode == 0, finished.stderr.decode()
    return out


def test_nothing_that_was_judged_is_judged_again(run):
    before = (run.parent / "before.jsonl").read_bytes()
    whole = before[: before.rfind(b"\n") + 1]
    assert (run / "round-1" / "judgments.jsonl").read_bytes().startswith(whole)
    found = read_judgments(run / "round-1" / "judgments.jsonl")
    assert len(found) == len({(one.pair, one.order, one.sample) for one in found}) == 2 * 3 * 6


def test_the_warm_up_taught_the_form(run):
    found = read_judgments(run / "round-0" / "validation-judgments.jsonl")
    assert sum("Verdict:" in one.text for one in found) >= len(found) / 2
    steps = [json.loads(line) for line in (run / "round-0" / "steps.jsonl").read_text().splitlines()]
    assert steps[-1]["loss"] < steps[0]["loss"]


def test_judgments_add_up_and_rows_are_balanced(run):
    told = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [one["round"] for one in told] == [0, 1]
    first = told[1]
    assert first["drawn"] == 36 == first["kept"] + sum(first["discarded"].values())
    rows = [json.loads(line) for line in (run / "round-1" / "rows.jsonl").read_text().splitlines()]
    items = {item.key: item for item in items_of(read_pairs(run / "pairs.jsonl"))}
    assert len(rows) == first["kept"]
    verdicts = [row["completion"].rsplit("Verdict:", 1)[1].strip()[0] for row in rows]
    assert verdicts.count("A") == verdicts.count("B")
    assert all(row["pair"] in items for row in rows)


def test_a_finished_run_does_nothing_again_and_another_config_is_refused(run):
    config = read_config(run.parent / "tiny.toml")
    before = {path: path.stat().st_mtime_ns for path in run.glob("round-*/*")}
    outcome = train(config, home=run.parent, directory=run)
    assert len(outcome.rounds) == 2
    assert {path: path.stat().st_mtime_ns for path in run.glob("round-*/adapter.gguf")} == {
        path: when for path, when in before.items() if path.name == "adapter.gguf"
    }
    other = config.model_copy(update={"seed": 2})
    with pytest.raises(Exception, match="another config"):
        Run(other, home=run.parent, directory=run)


async def test_seed_and_round_share_one_base_and_say_different_things(run):
    from fairtrial.core import Sampling
    from fairtrial.models import Gate, Model
    from fairtrial.models._engine import _engines
    from fairtrial.training.readers import Nothing
    from fairtrial.training.sampling import case_of

    item = items_of(read_pairs(run / "validation.jsonl"))[0]
    said = []
    providers = []
    for number in (0, 1):
        judge = TaughtJudge.read(run / f"round-{number}")
        provider = judge.provider(run / f"round-{number}", threads=1)
        await provider.open()
        providers.append(provider)
    assert len(_engines) == 1
    for number, provider in enumerate(providers):
        judge = TaughtJudge.read(run / f"round-{number}")
        reader = judge.reader(Model(provider, Gate(Nothing())))
        said.append(await reader.write(case_of(item, "ab"), Sampling(temperature=0.0, max_tokens=24)))
    assert providers[0].identity != providers[1].identity
    for provider in providers:
        await provider.close()
    assert not _engines
    assert said[0][0]
    assert said[1][0]


def test_the_adapter_says_the_same_in_the_runtime_as_in_torch(run):
    """The most likely next token after a prompt, and its log-probability, to what rounding of weights allows."""
    import asyncio

    import torch

    from fairtrial.models import Gate, Model
    from fairtrial.models.catalog import find
    from fairtrial.training.learning import Pupil
    from fairtrial.training.readers import Nothing

    config = read_config(run.parent / "tiny.toml")
    judge = TaughtJudge.read(run / "round-1")
    pupil = Pupil(find(judge.model).path, config.learning, seed=1, threads=1)
    pupil.load_file(run / "round-1" / "weights.pt")
    prompt = json.loads((run / "round-1" / "rows.jsonl").read_text().splitlines()[0])["prompt"]
    ids = pupil.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logp = pupil.model(input_ids=ids).logits[0, -1].float().log_softmax(-1)

    async def asked():
        provider = judge.provider(run / "round-1", threads=1)
        await provider.open()
        call = await Model(provider, Gate(Nothing())).logprobs(prompt, top=5)
        await provider.close()
        return call.completion.chances

    chances = asyncio.run(asked())
    best = pupil.tokenizer.decode([int(logp.argmax())])
    assert chances[0].token == best
    assert chances[0].logprob == pytest.approx(float(logp.max()), abs=0.3)
