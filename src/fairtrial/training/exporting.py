"""What was trained, as files for others: an adapter for the embedded runtime and for transformers, rows for TRL.

Read `write_adapter` for the first, `write_rows` for the last.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fairtrial.core import BadInput
from fairtrial.formats.pairs import Pair
from fairtrial.training.learning import Pupil, Row
from fairtrial.training.synthesis import sides

ADAPTER = "adapter.gguf"
_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_PLACE = re.compile(r"layers\.(\d+)\.(\w+\.\w+)\.lora_([AB])\.")


def write_adapter(pupil: Pupil, path: Path) -> None:
    """Write a LoRA adapter as GGUF, for a model of the Llama architecture.

    The runtime turns queries and keys by pairs of neighbouring numbers, transformers by halves of a head: the rows of
    their ``lora_B`` are put into the runtime's order, as llama.cpp's own converter does.

    Raises:
        BadInput: Another architecture, or a place that cannot be written.
    """
    import gguf

    shape = pupil.model.config
    if shape.model_type != "llama":
        raise BadInput(
            f"adapters for '{shape.model_type}' models cannot be written for the embedded runtime.",
            next_step="The adapter for transformers is written all the same.",
        )
    draft = path.with_suffix(".new")
    try:
        writer = gguf.GGUFWriter(draft, "llama")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(pupil.plan.alpha))
        for name, one in pupil.weights().items():
            place = _PLACE.search(name)
            assert place is not None, name  # peft names them so
            layer, part, side = place.groups()
            values = one.detach().float().cpu().numpy()
            if side == "B" and part.endswith(("q_proj", "k_proj")):
                heads = shape.num_attention_heads if part.endswith("q_proj") else shape.num_key_value_heads
                out, rank = values.shape
                values = values.reshape(heads, 2, out // heads // 2, rank).swapaxes(1, 2).reshape(out, rank)
            writer.add_tensor(f"blk.{layer}.{_NAMES[part]}.weight.lora_{side.lower()}", values.copy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise BadInput(f"the adapter cannot be written: {error.strerror or error}.", where=str(path)) from error


def write_peft(pupil: Pupil, directory: Path) -> None:
    """The adapter, or the whole model where all of it was trained, as transformers reads it."""
    model = pupil.model
    for one in (model, getattr(getattr(model, "base_model", None), "model", None)):
        # A model read from GGUF is called quantised after it was expanded, and then is not written.
        if one is not None and getattr(one, "hf_quantizer", None) is not None:
            one.hf_quantizer = None
            one.is_quantized = False
            for name in ("quantization_config",):
                if hasattr(one.config, name):
                    delattr(one.config, name)
    model.save_pretrained(directory)
    pupil.tokenizer.save_pretrained(directory)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Rows as JSONL: ``prompt``, ``completion``, ``pair``. TRL's SFTTrainer reads them as they are.

    Raises:
        BadInput: A place that cannot be written.
    """
    write_lines(path, ({"prompt": row.prompt, "completion": row.completion, "pair": row.pair} for row in rows))


def preference_rows(rows: Sequence[Row], wrong: Mapping[tuple[str, str], str]) -> list[dict[str, str]]:
    """Rows of TRL's DPOTrainer: a right judgment as chosen, one that was wrong or had no verdict as rejected.

    Args:
        rows: What is trained on.
        wrong: By pair and prompt, a judgment that was wrong; rows without one are left out.
    """
    return [
        {"prompt": row.prompt, "chosen": row.completion, "rejected": wrong[row.pair, row.prompt]}
        for row in rows
        if (row.pair, row.prompt) in wrong
    ]


def reward_rows(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Rows of TRL's RewardTrainer: the answers themselves."""
    return [{"prompt": pair.prompts[-1], "chosen": better, "rejected": worse} for pair, better, worse in sides(pairs)]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Objects as JSONL, whole or not at all.

    Raises:
        BadInput: A place that cannot be written.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise BadInput(
            f"cannot be written: {error.strerror or error}.", where=str(path), next_step="Free some space."
        ) from error
