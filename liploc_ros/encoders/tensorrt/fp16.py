# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Conversion of an ONNX network to half precision; its normalizations stay in single precision."""

from pathlib import Path
from typing import Any

from liploc_ros.encoders.encoder import ModelError

CONVERSION_VERSION = 1  # part of an engine's key: increase it when the conversion changes
NORMALIZATIONS = frozenset(
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


def convert_to_fp16(path: Path) -> bytes:
    """Return the network of an ONNX file with FP16 weights and arithmetic; inputs and outputs stay FP32.

    Normalizations stay FP32, because a sum of squares overflows FP16 at 65504 and a mean loses digits. So do all nodes
    after the last norm, which compute the unit vectors. The types are part of the network: they do not depend on flags
    of a runtime, and ONNX Runtime can compute the same network on a CPU.

    Raises:
        ModelError: the package onnx is missing.
    """
    try:
        import onnx
        from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
    except ImportError as error:
        raise ModelError(f"precision fp16 needs {error.name}: pip install onnx, or use precision fp32") from error
    model = onnx.load(str(path))
    converted = convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *NORMALIZATIONS],
        node_block_list=_nodes_after_norm(model.graph),
    )
    return bytes(converted.SerializeToString())


def _nodes_after_norm(graph: Any) -> list[str]:
    """Return the names of the norms over channels and of all nodes that depend on them; unnamed nodes get a name."""
    dependent: set[str] = set()
    names = []
    for index, node in enumerate(graph.node):  # ONNX orders nodes topologically
        node.name = node.name or f"node_{index}"
        if node.op_type in ("ReduceL2", "LpNormalization") or dependent.intersection(node.input):
            dependent.update(node.output)
            names.append(node.name)
    return names
