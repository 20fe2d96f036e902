"""An ONNX network in half precision, its normalisations in single precision."""

from pathlib import Path
from typing import Any

from liploc_ros.encoders.encoder import ModelError

SCHEME = 1  # part of an engine's key: count up when the conversion changes
NORMALISATIONS = frozenset(
    {
        "GroupNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "LpNormalization",
        "ReduceL2",
        "ReduceMean",
        "ReduceSumSquare",
    }
)


def in_half_precision(path: Path) -> bytes:
    """Return the network as an ONNX file with FP16 inside; inputs and outputs stay FP32.

    A sum of squares overflows FP16 at 65504, and a mean loses digits: normalisations stay FP32, and with them all that
    follows the last one, which makes unit vectors. Types are in the network itself: what a runtime may do with them
    does not hang on its flags, and ONNX Runtime computes the same on a CPU.

    Raises:
        ModelError: the package onnx is missing.
    """
    try:
        import onnx
        from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
    except ImportError as error:
        raise ModelError(f"precision fp16 needs {error.name}: pip install onnx, or take precision fp32") from error
    model = onnx.load(str(path))
    half = convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *NORMALISATIONS],
        node_block_list=_after_last_normalisation(model.graph),
    )
    return bytes(half.SerializeToString())


def _after_last_normalisation(graph: Any) -> list[str]:
    """Return the names of the nodes that follow a norm over channels."""
    reached: set[str] = set()
    names = []
    for number, node in enumerate(graph.node):  # in the order of computation
        node.name = node.name or f"node_{number}"
        if node.op_type in ("ReduceL2", "LpNormalization") or reached.intersection(node.input):
            reached.update(node.output)
            names.append(node.name)
    return names
