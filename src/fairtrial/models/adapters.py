"""LoRA adapters: small files of changed weights that a loaded base model can put on and take off from call to call."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fairtrial.core import BadInput
from fairtrial.models._gguf import read_gguf


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter (Hu et al. 2022, arXiv:2106.09685) in a GGUF file."""

    path: Path
    sha256: str
    """64 hex digits."""
    architecture: str

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read and check an adapter's header and take its digest.

        Raises:
            BadInput: No such file, no sound GGUF file, or a model rather than an adapter.
        """
        path = Path(path).expanduser()
        if not path.is_file():
            raise BadInput("there is no such adapter.", where=str(path), next_step="Train one: fairtrial judge train")
        summary = read_gguf(path)
        if (summary.metadata.get("general.type"), summary.metadata.get("adapter.type")) != ("adapter", "lora"):
            raise BadInput(
                "this GGUF file is no LoRA adapter.",
                where=str(path),
                next_step="A whole model goes into the store: fairtrial models pull FILE",
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path=path.resolve(), sha256=digest, architecture=summary.architecture)

    def check_base(self, architecture: str, *, name: str) -> None:
        """Make sure that it can work on a base model.

        Raises:
            BadInput: It was trained on another architecture.
        """
        if self.architecture != architecture:
            raise BadInput(
                f"the adapter is for '{self.architecture}' models, '{name}' is '{architecture}'.", where=str(self.path)
            )
