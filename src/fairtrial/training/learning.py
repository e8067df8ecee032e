"""Supervised training on the tokens of judgments: LoRA or full, on a CPU or a GPU. Read `learn` first.

torch, transformers and peft are an extra, imported only here and when something is really trained. The loss is the
mean negative log-likelihood of the completion's tokens; prompts are read, not learnt. Both orders of a pair stand in
the same batch. The vocabulary's logits are computed for the completion's tokens alone: of a small model they are a
fifth of the work.
"""

import importlib.util
import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairtrial.core import BadInput
from fairtrial.training.config import Learning

NEEDS = ("torch", "transformers", "peft", "gguf")
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every linear layer of a block: on attention alone, LoRA falls short of full training (Dettmers et al. 2023)."""
CHECKPOINT = "checkpoint.pt"
PART = {"cpu": 512, "cuda": 32_768}
"""Tokens that are run through the model at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is read and what is learnt."""

    prompt: str
    completion: str
    pair: str = ""
    """Rows of one pair are trained on together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One optimiser step that was made."""

    step: int
    steps: int
    loss: float
    tokens: int
    """Read in this step, padding not counted."""
    seconds: float


def require_torch() -> None:
    """Make sure that the training libraries are here.

    Raises:
        BadInput: One is missing.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f"training needs {', '.join(missing)}, which is not installed.",
            next_step="Try: pip install 'fairtrial[train]'",
        )


class Pupil:
    """A model with its tokenizer, ready to be trained, and the adapter on it.

    Args:
        base: A GGUF file. Its quantised weights are expanded; the adapter is trained on the weights that the embedded
            runtime will read.
        plan: How it learns.
        seed: Of the adapter's first weights.
        threads: Of torch, on a CPU.
    """

    def __init__(self, base: Path, plan: Learning, *, seed: int, threads: int | None = None) -> None:
        require_torch()
        import torch
        from peft import LoraConfig, get_peft_model

        if threads:
            torch.set_num_threads(threads)
        self.plan = plan
        self.device = _device(plan.device)
        self.tokenizer, model = _expanded(base)
        if plan.method == "lora":
            torch.manual_seed(seed)
            shape = LoraConfig(
                r=plan.rank,
                lora_alpha=plan.alpha,
                lora_dropout=0.0,
                target_modules=list(TARGETS),
                task_type="CAUSAL_LM",
            )
            model = get_peft_model(model, shape)
        self.model: Any = model.to(self.device, dtype=torch.float32 if self.device == "cpu" else torch.bfloat16)

    def tokens(self, row: Row) -> tuple[list[int], int]:
        """A row's tokens, the end token last, and how many of them are the prompt's.

        Raises:
            BadInput: The completion has no tokens.
        """
        prompt = self.tokenizer(row.prompt, add_special_tokens=False)["input_ids"]
        completion = self.tokenizer(row.completion, add_special_tokens=False)["input_ids"]
        if not completion:
            raise BadInput("an example has an empty completion.", where=row.pair or "rows")
        return [*prompt, *completion, self.tokenizer.eos_token_id], len(prompt)

    def weights(self) -> dict[str, Any]:
        """What is trained, by name."""
        return {name: one for name, one in self.model.named_parameters() if one.requires_grad}

    def load(self, weights: dict[str, Any]) -> None:
        """Put on weights that were trained before.

        Raises:
            BadInput: They are of another shape.
        """
        import torch

        ours = self.weights()
        if ours.keys() != weights.keys() or any(ours[name].shape != weights[name].shape for name in ours):
            raise BadInput("the checkpoint is of a model of another shape.", next_step="Begin a new run directory.")
        with torch.no_grad():
            for name, one in ours.items():
                one.copy_(weights[name])

    def save_file(self, path: Path) -> None:
        """Keep what is trained, whole or not at all."""
        import torch

        draft = path.with_suffix(".new")
        torch.save(self.weights(), draft)
        draft.replace(path)

    def load_file(self, path: Path) -> None:
        """Put on what `save_file` kept."""
        import torch

        self.load(torch.load(path, map_location=self.device, weights_only=True))

    def loss(self, batch: Sequence[tuple[list[int], int]]) -> Any:
        """The sum of the negative log-likelihoods of a batch's completion tokens."""
        import torch
        from torch.nn import functional

        width = max(len(tokens) for tokens, _ in batch)
        ids = torch.zeros((len(batch), width), dtype=torch.long)
        mask = torch.zeros((len(batch), width), dtype=torch.bool)
        learnt = torch.zeros((len(batch), width), dtype=torch.bool)
        for row, (tokens, start) in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = True
            learnt[row, start : len(tokens)] = True
        ids, mask, learnt = (one.to(self.device) for one in (ids, mask, learnt))
        whole = self.model.base_model.model if self.plan.method == "lora" else self.model
        hidden = whole.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        # The token at t is foretold at t - 1.
        foretold = hidden[:, :-1][learnt[:, 1:]]
        wanted = ids[:, 1:][learnt[:, 1:]]
        logits = whole.lm_head(foretold).float()
        return functional.cross_entropy(logits, wanted, reduction="sum")


def learn(
    pupil: Pupil,
    rows: Sequence[Row],
    directory: Path,
    *,
    seed: int,
    told: Callable[[Step], None] | None = None,
) -> list[Step]:
    """Train on the rows, and write a checkpoint after every step: a run that is killed loses one batch.

    AdamW (0.9, 0.95), no decay, warm-up and then a cosine to a tenth of the rate; gradients clipped at norm 1.

    Args:
        pupil: The model; its weights are changed.
        rows: The examples.
        directory: Holds the checkpoint; one of the same rows is gone on from.
        seed: Of the order of the batches.
        told: After each step.

    Returns:
        The steps made now.

    Raises:
        BadInput: No rows, a checkpoint of another shape, memory or disk that does not suffice.
    """
    import torch

    plan = pupil.plan
    batches = _batches(rows, [pupil.tokens(row) for row in rows], plan, seed)
    steps = len(batches)
    optimizer = torch.optim.AdamW(pupil.weights().values(), lr=plan.rate, betas=(0.9, 0.95), weight_decay=0.0)
    done = _resumed(pupil, optimizer, directory / CHECKPOINT)
    made = []
    pupil.model.train()
    for step in range(done, steps):
        started = time.perf_counter()
        batch = batches[step]
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * _warmth(step, steps, plan.warmup_steps)
        count = sum(len(tokens) - start for tokens, start in batch)
        loss = 0.0
        try:
            for part in _parts(batch, PART[pupil.device]):
                share = pupil.loss(part) / count
                share.backward()
                loss += float(share.detach())
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise _too_little(plan) from error
        except RuntimeError as error:
            if "alloc" in str(error) or "out of memory" in str(error):
                raise _too_little(plan) from error
            raise
        torch.nn.utils.clip_grad_norm_(list(pupil.weights().values()), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _save(pupil, optimizer, step + 1, directory / CHECKPOINT)
        tokens = sum(len(one) for one, _ in batch)
        found = Step(step=step + 1, steps=steps, loss=loss, tokens=tokens, seconds=time.perf_counter() - started)
        made.append(found)
        if told is not None:
            told(found)
    pupil.model.eval()
    return made


def _parts(batch: Sequence[tuple[list[int], int]], most: int) -> list[Sequence[tuple[list[int], int]]]:
    """A batch in parts of about so many tokens, whose gradients are added up: what fits the caches is faster."""
    rows = max(1, most // max(len(tokens) for tokens, _ in batch))
    return [batch[start : start + rows] for start in range(0, len(batch), rows)]


def _batches(
    rows: Sequence[Row], tokens: Sequence[tuple[list[int], int]], plan: Learning, seed: int
) -> list[list[tuple[list[int], int]]]:
    """The batches of all epochs: rows of one pair together, pairs of like length together, batches in random order."""
    drawing = random.Random(seed)
    by_pair: dict[str, list[int]] = {}
    for k, row in enumerate(rows):
        by_pair.setdefault(row.pair or f"row {k}", []).append(k)
    found = []
    for _ in range(plan.epochs):
        pairs = list(by_pair.values())
        drawing.shuffle(pairs)
        # Sorted within stretches of some batches: little padding, and batches still differ from epoch to epoch.
        stretch = max(1, 8 * plan.batch // 2)
        ordered = [
            pair
            for start in range(0, len(pairs), stretch)
            for pair in sorted(pairs[start : start + stretch], key=lambda pair: max(len(tokens[k][0]) for k in pair))
        ]
        epoch: list[list[int]] = [[]]
        for pair in ordered:
            if epoch[-1] and len(epoch[-1]) + len(pair) > plan.batch:
                epoch.append([])
            epoch[-1] += pair
        drawing.shuffle(epoch)
        found += [[tokens[k] for k in batch] for batch in epoch if batch]
    return found


def _warmth(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    gone = (step - warmup) / max(steps - warmup, 1)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * gone))


def _device(wanted: str) -> str:
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        step = 'Use device = "cpu".'
        raise BadInput("there is no GPU that torch can use.", where="[learning] device", next_step=step)
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def _expanded(base: Path) -> tuple[Any, Any]:
    """Tokenizer and model of a GGUF file, its weights as plain numbers."""
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(str(base.parent), gguf_file=base.name)
    model = AutoModelForCausalLM.from_pretrained(
        str(base.parent), gguf_file=base.name, quantization_config=GgufConfig(dequantize=True)
    )
    return tokenizer, model


def _save(pupil: Pupil, optimizer: Any, step: int, path: Path) -> None:
    """Whole or not at all: beside it, then in its place."""
    import torch

    draft = path.with_suffix(".new")
    try:
        torch.save({"step": step, "weights": pupil.weights(), "optimizer": optimizer.state_dict()}, draft)
        draft.replace(path)
    except (OSError, RuntimeError) as error:
        draft.unlink(missing_ok=True)
        raise BadInput(
            f"the checkpoint cannot be written: {error}.",
            where=str(path),
            next_step="Free some space and run it again: at most one batch is lost.",
        ) from error


def _resumed(pupil: Pupil, optimizer: Any, path: Path) -> int:
    """The step that a checkpoint was written after; 0 without one."""
    import torch

    if not path.exists():
        return 0
    found = torch.load(path, map_location=pupil.device, weights_only=True)
    pupil.load(found["weights"])
    optimizer.load_state_dict(found["optimizer"])
    return int(found["step"])


def _too_little(plan: Learning) -> BadInput:
    return BadInput(
        f"there is too little memory for batches of {plan.batch}.",
        where="[learning] batch",
        next_step=f"Try: batch = {max(2, plan.batch // 2)}. What was learnt until here is kept.",
    )


def read_rows(path: Path) -> list[Row]:
    """Rows as `write_rows` writes them."""
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
