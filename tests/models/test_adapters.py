"""Adapters are looked at before anything native sees them, and are part of who a model is."""

import struct
from pathlib import Path

import pytest

from fairtrial.core import BadInput
from fairtrial.models.adapters import Adapter
from fairtrial.models.catalog import PulledModel
from fairtrial.models.embedded import EmbeddedProvider


def gguf(path: Path, **facts: str) -> Path:
    """A GGUF file of metadata alone, as its specification has it."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    entries = b"".join(
        text(name.replace("__", ".")) + struct.pack("<I", 8) + text(said) for name, said in facts.items()
    )
    whole = b"GGUF" + struct.pack("<IQQ", 3, 0, len(facts)) + entries
    path.write_bytes(whole + bytes(-len(whole) % 32))
    return path


@pytest.fixture
def lora(tmp_path) -> Path:
    return gguf(tmp_path / "a.gguf", general__architecture="llama", general__type="adapter", adapter__type="lora")


def base(tmp_path: Path, architecture: str = "llama") -> PulledModel:
    weights = gguf(tmp_path / "base.gguf", general__architecture=architecture)
    return PulledModel(
        name="base", path=weights, sha256="0" * 64, bytes=weights.stat().st_size, licence="", source="", chat=True,
        architecture=architecture, context_length=0,
    )  # fmt: skip


def test_an_adapter_is_part_of_the_identity(tmp_path, lora):
    without = EmbeddedProvider(base(tmp_path)).identity
    worn = EmbeddedProvider(base(tmp_path), adapter=lora).identity
    assert worn.model == f"base+{Adapter.read(lora).sha256[:8]}"
    assert worn.digest == f"{without.digest}+sha256:{Adapter.read(lora).sha256}"
    gguf(lora, general__architecture="llama", general__type="adapter", adapter__type="lora", general__name="other")
    assert EmbeddedProvider(base(tmp_path), adapter=lora).identity != worn


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"general__architecture": "llama"}, "no LoRA adapter"),
        ({"general__architecture": "llama", "general__type": "adapter", "adapter__type": "other"}, "no LoRA adapter"),
    ],
)
def test_what_is_no_adapter_is_refused(tmp_path, facts, said):
    with pytest.raises(BadInput, match=said):
        Adapter.read(gguf(tmp_path / "x.gguf", **facts))


def test_no_file_and_a_damaged_one_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no such adapter"):
        EmbeddedProvider("base", adapter=tmp_path / "none.gguf")
    (tmp_path / "x.gguf").write_bytes(b"GGUF\x03\x00")
    with pytest.raises(BadInput, match="model file"):
        Adapter.read(tmp_path / "x.gguf")
    with pytest.raises(BadInput, match="adapter must be the path"):
        EmbeddedProvider.from_settings("base", {"adapter": 3})


async def test_an_adapter_of_another_architecture_is_refused_before_anything_starts(tmp_path, lora):
    pytest.importorskip("xllamacpp")
    provider = EmbeddedProvider(base(tmp_path, "gemma3"), adapter=lora)
    with pytest.raises(BadInput, match="for 'llama' models"):
        await provider.open()
