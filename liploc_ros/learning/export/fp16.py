# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The fp16 ONNX file of an encoder, made from its fp32 file at export."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference

from liploc_ros.encoders import ModelError, ModelSpec
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import PARITY_THRESHOLD, min_cosine
from liploc_ros.encoders.parity_views import parity_inputs
from liploc_ros.encoders.spec import FILES, FP16_FILES
from liploc_ros.files import sha256_of

# Products do nearly all of the work and hold nearly all of the weights.
PRODUCTS = frozenset({"Conv", "Gemm", "MatMul"})
# Operators that lose little in half precision. Others stay in single precision: a mean or a norm sums many squares,
# which overflow at 65504.
HALF_OPERATORS = PRODUCTS | {
    "Add",
    "Clip",
    "Concat",
    "Div",
    "Erf",
    "Expand",
    "Flatten",
    "Gather",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "MaxPool",
    "Mul",
    "Pad",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Split",
    "Squeeze",
    "Sub",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
}
MAX_FP16 = float(np.finfo(np.float16).max)
LOG = logging.getLogger(__name__)


def write_fp16_files(folder: Path, spec: ModelSpec) -> dict[str, str]:
    """Write the fp16 files of a bundle, whose fp32 files exist, and return their hashes by name.

    Raises:
        ModelError: a network loses too much in half precision, or the result is not valid ONNX. No file is written.
    """
    targets = [folder / file for file in FP16_FILES.values()]
    try:
        for (part, file), target in zip(FILES.items(), targets, strict=True):
            convert_to_fp16(folder / file, target)
            cosine = check_fp16(folder / file, target, parity_inputs(spec, part))
            LOG.info("%s: minimum cosine with %s on the parity views %.5f", target.name, file, cosine)
    except ModelError:
        for target in targets:
            target.unlink(missing_ok=True)
        raise
    return {target.name: sha256_of(target) for target in targets}


def check_onnx(path: Path) -> None:
    """Check order, types and shapes of the nodes of an ONNX file against the specification, and that names are unique.

    Raises:
        ModelError: it violates the specification.
    """
    try:
        checker.check_model(str(path), full_check=True)
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise ModelError(f"{path}: not valid ONNX ({str(error).splitlines()[0]}): report this bug") from error
    names = [node.name for node in onnx.load(str(path)).graph.node]
    if len({*names}) < len(names):
        raise ModelError(f"{path}: two nodes have the same name, which TensorRT refuses: report this bug")


def convert_to_fp16(path: Path, target: Path) -> None:
    """Write the network of an fp32 ONNX file with weights and arithmetic in half precision.

    Input, output, normalizations, means, and everything after the last product (``Conv``, ``Gemm`` or ``MatMul``), such
    as the last norm, remain in single precision. Casts between the two precisions are nodes of the network: no runtime
    decides about types. Nodes keep their names and order.

    Raises:
        ModelError: the file or the result is not valid ONNX.
    """
    check_onnx(path)
    model = onnx.load(str(path))
    typed = shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    values = [*typed.value_info, *typed.input, *typed.output]
    floats = {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    constants = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    constants |= {n.output[0]: n.attribute[0].t for n in model.graph.node if n.op_type == "Constant"}
    constants = {name: tensor for name, tensor in constants.items() if tensor.data_type == TensorProto.FLOAT}
    _Conversion(model.graph, floats | constants.keys(), constants).run()
    target.write_bytes(model.SerializeToString())
    check_onnx(target)


def check_fp16(path: Path, target: Path, views: NDArray[np.float32]) -> float:
    """Return the minimum cosine between the features of a network in half and in single precision.

    ONNX Runtime has few operators in half precision on the CPU: it rounds the weights, but not every intermediate
    result. Therefore the range of the intermediate results is checked as well.

    Args:
        path: the fp32 file.
        target: the fp16 file.
        views: (N, 3, H, W) inputs.

    Raises:
        ModelError: the minimum cosine is below 0.999, or an intermediate result exceeds the range of half precision.
    """
    cosine = min_cosine(OnnxEncoder(target).encode(views), OnnxEncoder(path).encode(views))
    if not cosine >= PARITY_THRESHOLD:
        raise ModelError(
            f"{target.name}: minimum cosine with {path.name} on the parity views is {cosine:.5f}, below "
            f"{PARITY_THRESHOLD}: use fp32"
        )
    typed = shape_inference.infer_shapes(onnx.load(str(target))).graph.value_info
    half = {value.name for value in typed if value.type.tensor_type.elem_type == TensorProto.FLOAT16}
    model = onnx.load(str(path))  # with all results that the other file has in half precision as further outputs
    names = [name for node in model.graph.node for name in node.output if name in half]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for view in views:
        for output, result in zip(session.get_outputs(), session.run(None, {"views": view[None]}), strict=True):
            if not (largest := float(np.abs(result).max())) <= MAX_FP16:
                raise ModelError(
                    f"{target.name}: {output.name} reaches {largest:.4g}, and half precision ends at {MAX_FP16:g}: "
                    "use fp32"
                )
    return cosine


class _Conversion:
    """The conversion of one graph, in place."""

    def __init__(self, graph: Any, floats: set[str], constants: dict[str, Any]) -> None:
        """Take the graph, the names of its fp32 tensors, and those tensors that are constant."""
        self.graph, self.floats, self.constants = graph, floats, constants
        self.nodes: list[Any] = []
        self.half: set[str] = set()  # tensors that half-precision nodes produce
        self.converted: dict[str, str] = {}  # tensor: its copy in the other precision

    def run(self) -> None:
        """Change the types of the nodes and their constants, and insert casts."""
        in_half = _half_nodes(self.graph)
        for index, node in enumerate(list(self.graph.node)):
            for position, name in enumerate(node.input):
                if name in self.floats and (index in in_half) != (name in self.half):
                    node.input[position] = self._converted(name)
            self.nodes.append(node)
            if index in in_half:
                self.half.update(name for name in node.output if name in self.floats)
        self._replace_nodes()

    def _converted(self, name: str) -> str:
        """Return the name of a tensor in the other precision; a constant is stored in it, others are cast once."""
        if name not in self.converted:
            self.converted[name] = f"{name}_fp32" if name in self.half else f"{name}_fp16"
            if name in self.constants:
                values = numpy_helper.to_array(self.constants[name]).clip(-MAX_FP16, MAX_FP16).astype(np.float16)
                self.graph.initializer.append(numpy_helper.from_array(values, self.converted[name]))
            else:
                to = TensorProto.FLOAT if name in self.half else TensorProto.FLOAT16
                output = self.converted[name]
                self.nodes.append(helper.make_node("Cast", [name], [output], name=f"{output}_cast", to=to))
        return self.converted[name]

    def _replace_nodes(self) -> None:
        used = {name for node in self.nodes for name in node.input}
        nodes = [node for node in self.nodes if node.op_type != "Constant" or node.output[0] in used]
        weights = [tensor for tensor in self.graph.initializer if tensor.name in used]
        for field, kept in ((self.graph.node, nodes), (self.graph.initializer, weights), (self.graph.value_info, [])):
            del field[:]
            field.extend(kept)


def _half_nodes(graph: Any) -> set[int]:
    """Return the indices of the nodes in half precision.

    They depend on the input, are or precede a product, and do not compute an output of the graph.
    """
    precede: set[str] = set()
    candidates = set()
    outputs = {value.name for value in graph.output}
    for index, node in reversed(list(enumerate(graph.node))):  # ONNX orders nodes topologically
        if node.op_type in PRODUCTS or precede.intersection(node.output):
            precede.update(node.input)
            if node.op_type in HALF_OPERATORS and not outputs.intersection(node.output):
                candidates.add(index)
    dependent = {value.name for value in graph.input}
    in_half = set()
    for index, node in enumerate(graph.node):
        if dependent.intersection(node.input) and node.op_type != "Shape":
            dependent.update(node.output)
            if index in candidates:
                in_half.add(index)
    return in_half
