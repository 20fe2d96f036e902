# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The encoders of two bundles on every backend: cosine with the CPU, latency of one view, throughput of a batch."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.rows import Row, durations
from liploc_ros.encoders import ModelBundle, ModelError, Precision
from liploc_ros.encoders.encoder import Encoder
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import min_cosine
from liploc_ros.encoders.parity_views import parity_inputs
from liploc_ros.encoders.spec import FILES, Part
from liploc_ros.encoders.tensorrt.bundle_engines import open_engine
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.engine_key import profile_of
from liploc_ros.encoders.tensorrt.flavour import FLAVOURS

Views = NDArray[np.float32]
Skip = Callable[[str, str], None]
"""Called with a task or backend that cannot run, and the reason."""
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


def backends(bundle: ModelBundle, part: Part, cache: Path, on_gpu: bool) -> dict[str, Callable[[], Encoder]]:
    """Return a function that opens an encoder of a bundle on each backend; without a GPU on the CPU alone."""
    path = bundle.path / FILES[part]
    functions: dict[str, Callable[[], Encoder]] = {"onnxruntime CPU": partial(OnnxEncoder, path)}
    if on_gpu:
        functions["onnxruntime CUDA"] = partial(OnnxEncoder, path, device="cuda")
        for name in FLAVOURS:
            for precision in PRECISIONS:
                functions[f"{name} {precision}"] = partial(
                    open_engine, bundle.path, bundle.spec, part, name, precision, EngineCache(cache)
                )
    return functions


def opened(functions: dict[str, Callable[[], Encoder]], skip: Skip) -> Iterator[tuple[str, Encoder]]:
    """Yield the encoder on each backend that works, and close it afterwards."""
    for backend, open_encoder in functions.items():
        try:
            encoder = open_encoder()
        except ModelError as error:
            skip(backend, str(error))
            continue
        try:
            yield backend, encoder
        finally:
            encoder.close()


def encoder_rows(title: str, bundle: ModelBundle, cache: Path, runs: int, on_gpu: bool, skip: Skip) -> Iterator[Row]:
    """Yield a row for each encoder of a bundle on each backend."""
    for part, file in FILES.items():
        views = parity_inputs(bundle.spec, part)
        expected = OnnxEncoder(bundle.path / file).encode(views)
        batch_size = profile_of(bundle.spec, part).max[0]
        batch = np.concatenate([views] * batch_size)[:batch_size]
        task = f"{title}, {part}: one view; views per second in batches of {batch_size}"
        for backend, encoder in opened(backends(bundle, part, cache, on_gpu), skip):
            cosine = min_cosine(encoder.encode(views), expected)
            yield _row(task, backend, encoder.encode, views[:1], batch, runs, cosine)


def torch_rows(title: str, recipe: str, spec_of: ModelBundle, runs: int) -> Iterator[Row]:
    """Yield a row for each encoder of a recipe in torch on the GPU, with random weights, including the copies."""
    import torch

    from benchmarks.random_models import random_encoders

    for part in FILES:
        network = random_encoders(recipe)[part].cuda()

        def encode(views: Views, network: torch.nn.Module = network) -> Views:
            with torch.inference_mode():
                return np.asarray(network(torch.from_numpy(views).cuda()).cpu().numpy(), np.float32)

        views, batch_size = parity_inputs(spec_of.spec, part), profile_of(spec_of.spec, part).max[0]
        batch = np.concatenate([views] * batch_size)[:batch_size]
        task = f"{title}, {part}: one view; views per second in batches of {batch_size}"
        yield _row(task, "torch CUDA fp32, random weights", encode, views[:1], batch, runs, None)


def _row(
    task: str,
    backend: str,
    encode: Callable[[Views], Views],
    view: Views,
    batch: Views,
    runs: int,
    cosine: float | None,
) -> Row:
    single, several = durations(partial(encode, view), runs), durations(partial(encode, batch), max(1, runs // 4))
    return Row(task, backend, single, len(batch) / float(np.median(several)), cosine)
