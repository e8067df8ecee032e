"""A taught judge as a directory: its base, its adapter, the words it is asked in. Read `TaughtJudge` first."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from fairtrial.core import BadInput, Sampling
from fairtrial.evaluators.judge_models import PairwiseModel
from fairtrial.evaluators.templates import Template
from fairtrial.models import Model
from fairtrial.models.catalog import find
from fairtrial.models.embedded import EmbeddedProvider

FILE = "judge.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtJudge:
    """A judge of a run, before or after its training."""

    name: str
    model: str
    """The base model's name in the store."""
    sha256: str
    """Of the base model's weights."""
    template: Template
    max_tokens: int
    context: int
    adapter: str = ""
    """The adapter's file beside this one; empty for a base without one."""
    adapter_sha256: str = ""
    round: int = 0
    """0: the seed."""
    seed: int = 0

    def write(self, directory: Path) -> None:
        """Write ``judge.json``, whole or not at all."""
        draft = directory / f".{FILE}.new"
        draft.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        draft.replace(directory / FILE)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read the judge of a directory.

        Raises:
            BadInput: There is none, or it is damaged.
        """
        path = directory / FILE
        try:
            told = json.loads(path.read_bytes())
            template = Template(**told.pop("template"))
            judge = cls(template=template, **told)
        except FileNotFoundError:
            step = "Name a round of a training run: RUN/round-2"
            raise BadInput("there is no taught judge here.", where=str(directory), next_step=step) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadInput(f"this judge is damaged: {error!s:.100}.", where=str(path)) from None
        template.check(where=str(path))
        return judge

    def provider(self, directory: Path, *, threads: int | None = None, slots: int = 8) -> EmbeddedProvider:
        """Its model, not yet opened.

        Raises:
            BadInput: The base is not in the store, or other weights have its name; the adapter is not the one.
        """
        base = find(self.model)
        if base.sha256 != self.sha256:
            raise BadInput(
                f"'{self.model}' has other weights than this judge was taught on.",
                where=str(directory / FILE),
                next_step=f"It needs SHA-256 {self.sha256}.",
            )
        adapter = directory / self.adapter if self.adapter else None
        provider = EmbeddedProvider(base, threads=threads, slots=slots, context_per_slot=self.context, adapter=adapter)
        if adapter is not None and not provider.identity.digest.endswith(self.adapter_sha256):
            raise BadInput("the adapter is not the one that this judge was taught.", where=str(adapter))
        return provider

    def reader(self, model: Model, *, sampling: Sampling | None = None) -> PairwiseModel:
        """It, reading one showing at a time; greedy unless told otherwise."""
        sampling = sampling or Sampling(temperature=0.0, max_tokens=self.max_tokens)
        return PairwiseModel(
            model,
            name=self.name,
            template=self.template,
            seed=self.seed,
            sampling=replace(sampling, max_tokens=self.max_tokens),
            plain=True,
        )


def manifest_of(hashes: set[str], **facts: Any) -> dict[str, Any]:
    """A training manifest: hashes of every text that a judge was taught on, sorted, and what else is told."""
    return {**facts, "hashes": sorted(hashes)}
