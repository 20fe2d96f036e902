"""Which runtime an encoder runs on: the one that was asked for, or the fastest that works."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

import numpy as np

from liploc_ros.encoders.encoder import Encoder, ModelError
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import check_parity
from liploc_ros.encoders.real_views import real_inputs
from liploc_ros.encoders.spec import FILES, ModelSpec, Part
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.engine_key import Precision
from liploc_ros.encoders.tensorrt.engines import open_engine
from liploc_ros.encoders.tensorrt.module import FLAVOURS, FlavourName

Backend = Literal["auto", "onnx", "tensorrt", "tensorrt_rtx"]
RUNS, WARM_UP = 10, 3
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackendSettings:
    """What encoders run on.

    Attributes:
        backend: one by name, which runs or is an error; ``auto``: the fastest that works.
        precision: of TensorRT's engines.
        threads: of ONNX Runtime on the CPU; 0 takes one for each core.
        cache: folder of TensorRT's engines; None: the user's.
    """

    backend: Backend = "onnx"
    precision: Precision = "fp16"
    threads: int = 0
    cache: Path | None = None


class Choice(NamedTuple):
    """An encoder, and in words why it is this one."""

    encoder: Encoder
    reason: str


def open_encoder(folder: Path, spec: ModelSpec, part: Part, settings: BackendSettings) -> Choice:
    """Return an encoder of a bundle on the backend of the settings.

    An engine is built if it is not in the cache, and compared with ONNX Runtime on real views before it is used.

    Raises:
        ModelError: a backend asked for by name cannot run; the message says what to do.
    """
    if settings.backend == "auto":
        return _fastest(folder, spec, part, settings)
    if settings.backend != "onnx":
        encoder, cosine = _engine(folder, spec, part, settings.backend, settings)
        return Choice(encoder, f"{encoder.runtime}: asked for; cosine with ONNX Runtime {cosine:.5f} on real views")
    encoders, refused = _onnx(folder / FILES[part], spec, part, settings.threads)
    return _quickest(encoders, spec, part, refused)


def _fastest(folder: Path, spec: ModelSpec, part: Part, settings: BackendSettings) -> Choice:
    working: list[Encoder] = []
    refused: list[str] = []
    for name in FLAVOURS:
        try:
            encoder, _ = _engine(folder, spec, part, name, settings)
        except ModelError as error:
            refused.append(str(error))
        else:
            working.append(encoder)
    onnx, no_cuda = _onnx(folder / FILES[part], spec, part, settings.threads)
    return _quickest([*working, *onnx], spec, part, [*refused, *no_cuda])


def _onnx(path: Path, spec: ModelSpec, part: Part, threads: int) -> tuple[list[Encoder], list[str]]:
    """Return ONNX Runtime on the GPU, if it agrees with the CPU, and on the CPU; and why it is not on the GPU."""
    cpu = OnnxEncoder(path, threads)
    try:
        cuda = OnnxEncoder(path, threads, "cuda")
    except ModelError as error:
        return [cpu], [str(error)]
    try:
        check_parity(cuda, cpu, real_inputs(spec, part))
    except ModelError as error:
        cuda.close()
        return [cpu], [str(error)]
    return [cuda, cpu], []


def _quickest(encoders: list[Encoder], spec: ModelSpec, part: Part, refused: list[str]) -> Choice:
    """Return the encoder that takes least time for a view, and close the others.

    A small network runs on a CPU in no time: a GPU is not always the quicker one.
    """
    why_not = "".join(f"; {reason}" for reason in dict.fromkeys(refused))
    if len(encoders) == 1:
        return Choice(encoders[0], f"{encoders[0].runtime}: the only one that works here{why_not}")
    view = real_inputs(spec, part)[:1]
    times = [median_ms(partial(encoder.encode, view)) for encoder in encoders]
    best = int(np.argmin(times))
    for encoder in encoders[:best] + encoders[best + 1 :]:
        encoder.close()
    measured = ", ".join(f"{e.runtime} {ms:.2f} ms" for e, ms in zip(encoders, times, strict=True))
    return Choice(encoders[best], f"{encoders[best].runtime}: the fastest of {measured}{why_not}")


def _engine(
    folder: Path, spec: ModelSpec, part: Part, name: FlavourName, settings: BackendSettings
) -> tuple[Encoder, float]:
    """Return an engine that agrees with ONNX Runtime on real views, and the least cosine."""
    encoder = open_engine(folder, spec, part, name, settings.precision, EngineCache(settings.cache))
    try:
        cosine = check_parity(encoder, OnnxEncoder(folder / FILES[part], settings.threads), real_inputs(spec, part))
    except ModelError:
        encoder.close()
        raise
    encoder.keep_compiled()
    return encoder, cosine


def median_ms(function: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median time of a call [ms]."""
    times = []
    for _ in range(WARM_UP + runs):
        start = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - start))
    return median(times[WARM_UP:])
