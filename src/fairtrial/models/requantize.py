"""A model's weights rounded to another grid, in a file of its own. Read `requantize`.

On processors with AVX2 the embedded runtime multiplies Q4_0 matrices of many tokens four times as fast as Q4_1 ones,
because it repacks the former (docs/numbers.md). A rounded model is another model: it has another digest and name.
"""

import importlib.util
import os
from pathlib import Path

from fairtrial.core import BadInput
from fairtrial.models import catalog
from fairtrial.models.catalog import PulledModel

GRIDS = ("Q4_0", "Q8_0", "F16")


def requantize(model: PulledModel, grid: str) -> PulledModel:
    """The model rounded to a grid, made once and kept in the store as ``<name>-<grid>``.

    Matrices are expanded and rounded again; vectors, and matrices that are finer already, stay as they are.

    Args:
        model: A pulled model.
        grid: ``Q4_0``, ``Q8_0`` or ``F16``.

    Raises:
        BadInput: An unknown grid, the library that reads GGUF is not installed, or no room on the disk.
    """
    if grid not in GRIDS:
        raise BadInput(f"weights are not rounded to '{grid}'.", next_step=f"Use one of: {', '.join(GRIDS)}.")
    name = f"{model.name}-{grid.lower()}"
    try:
        return catalog.find(name)
    except BadInput:
        pass
    if importlib.util.find_spec("gguf") is None:
        raise BadInput(
            "rounding weights needs a library that is not installed.", next_step="Try: pip install 'fairtrial[train]'"
        )
    draft = model.path.with_name(f".{name}.{os.getpid()}.gguf")
    try:
        _write(model.path, draft, grid)
        return catalog.pull(str(draft), name=name, source=f"{model.source}, rounded to {grid}")
    except OSError as error:
        raise BadInput(
            f"the rounded weights cannot be written: {error.strerror or error}.",
            where=str(draft.parent),
            next_step="Free some space.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _write(source: Path, target: Path, grid: str) -> None:
    import gguf
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, quants

    wanted = GGMLQuantizationType[grid]
    reader = GGUFReader(source)
    writer = GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind, value = field.types[0], field.contents()
        if field.name == "general.file_type":
            value = int(LlamaFileType[f"MOSTLY_{grid}"])
        inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, kind, inner)
    fine = {GGMLQuantizationType.F32, GGMLQuantizationType.F16, GGMLQuantizationType.Q8_0, wanted}
    coarser = gguf.GGML_QUANT_SIZES[wanted]
    for tensor in reader.tensors:
        if len(tensor.shape) == 1 or (tensor.tensor_type in fine and grid != "F16"):
            plain = tensor.tensor_type in (GGMLQuantizationType.F32, GGMLQuantizationType.F16)
            shape = None if plain else tensor.data.shape
            writer.add_tensor(tensor.name, np.array(tensor.data), raw_shape=shape, raw_dtype=tensor.tensor_type)
            continue
        expanded = quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if expanded.shape[-1] % coarser[0]:
            writer.add_tensor(tensor.name, expanded)
            continue
        writer.add_tensor(tensor.name, quants.quantize(expanded, wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
