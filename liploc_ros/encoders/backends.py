# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The runtime that an encoder runs on: a requested one, or the fastest that works."""

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
from liploc_ros.encoders.parity_views import parity_inputs
from liploc_ros.encoders.spec import FILES, ModelSpec, Part, Precision
from liploc_ros.encoders.tensorrt.bundle_engines import open_engine
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.engine_target import UnsupportedGpuError
from liploc_ros.encoders.tensorrt.flavour import FLAVOURS, FlavourName
from liploc_ros.files import FileError

Backend = Literal["auto", "onnx", "tensorrt", "tensorrt_rtx"]
TIMED_RUNS, WARM_UP_RUNS = 10, 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackendSettings:
    """What encoders run on.

    Attributes:
        backend: a runtime; if it cannot run, that is an error. ``auto`` takes the fastest that works.
        precision: of TensorRT engines; fp32 if the bundle has no fp16 files.
        threads: of ONNX Runtime on the CPU; 0 takes one per core.
        cache: folder of TensorRT engines; None takes the user's cache.
    """

    backend: Backend = "onnx"
    precision: Precision = "fp16"
    threads: int = 0
    cache: Path | None = None


class Choice(NamedTuple):
    """An encoder, and a sentence that says why its backend was chosen."""

    encoder: Encoder
    reason: str


def open_encoder(folder: Path, spec: ModelSpec, part: Part, settings: BackendSettings) -> Choice:
    """Return an encoder of a bundle on the backend of the settings.

    An engine that is not in the cache is built. Before an encoder on a GPU is used, it is compared with ONNX Runtime on
    the CPU.

    Raises:
        ModelError: the requested backend cannot run; the message says what to do.
        FileError: the cache of engines cannot be written.
    """
    if settings.backend == "auto":
        return _open_auto(folder, spec, part, settings)
    if settings.backend != "onnx":
        encoder, cosine = _open_engine(folder, spec, part, settings.backend, settings)
        return Choice(encoder, f"{encoder.runtime}: requested; minimum cosine with ONNX Runtime {cosine:.5f}")
    encoders, failures = _open_onnx(folder / FILES[part], spec, part, settings.threads)
    return _choose_fastest(encoders, spec, part, failures)


def median_ms(function: Callable[[], object], runs: int = TIMED_RUNS) -> float:
    """Return the median time of a call [ms]."""
    times = []
    for _ in range(WARM_UP_RUNS + runs):
        start = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - start))
    return median(times[WARM_UP_RUNS:])


def _open_auto(folder: Path, spec: ModelSpec, part: Part, settings: BackendSettings) -> Choice:
    engines: list[Encoder] = []
    failures: list[str] = []
    remarks: list[str] = []
    for name in FLAVOURS:
        try:
            engine, _ = _open_engine(folder, spec, part, name, settings)
        except UnsupportedGpuError as error:
            remarks.append(error.fact)
        except (ModelError, FileError) as error:
            failures.append(str(error))
        else:
            engines.append(engine)
    onnx, onnx_failures = _open_onnx(folder / FILES[part], spec, part, settings.threads)
    encoder, reason = _choose_fastest([*engines, *onnx], spec, part, [*failures, *onnx_failures])
    return Choice(encoder, "; ".join([reason, *remarks]))


def _open_onnx(path: Path, spec: ModelSpec, part: Part, threads: int) -> tuple[list[Encoder], list[str]]:
    """Return ONNX Runtime on the GPU, if it works and agrees with the CPU, and on the CPU; and why the GPU failed."""
    cpu = OnnxEncoder(path, threads)
    try:
        cuda = OnnxEncoder(path, threads, "cuda")
    except ModelError as error:
        return [cpu], [str(error)]
    try:
        check_parity(cuda, cpu, parity_inputs(spec, part))
    except ModelError as error:
        cuda.close()
        return [cpu], [str(error)]
    return [cuda, cpu], []


def _open_engine(
    folder: Path, spec: ModelSpec, part: Part, name: FlavourName, settings: BackendSettings
) -> tuple[Encoder, float]:
    """Return an engine that agrees with ONNX Runtime, and the minimum cosine between their features."""
    encoder = open_engine(folder, spec, part, name, settings.precision, EngineCache(settings.cache))
    try:
        cosine = check_parity(encoder, OnnxEncoder(folder / FILES[part], settings.threads), parity_inputs(spec, part))
    except ModelError:
        encoder.close()
        raise
    encoder.save_runtime_cache()
    return encoder, cosine


def _choose_fastest(encoders: list[Encoder], spec: ModelSpec, part: Part, failures: list[str]) -> Choice:
    """Return the encoder that takes the shortest time for one view, and close the others.

    A GPU is not always faster: a small network takes about a millisecond on a CPU.
    """
    for reason in dict.fromkeys(failures):
        logger.debug("%s encoder: a backend is not available: %s", part, reason)
    if len(encoders) == 1:
        return Choice(encoders[0], f"{encoders[0].runtime}: the only backend that works here")
    view = parity_inputs(spec, part)[:1]
    times = [median_ms(partial(encoder.encode, view)) for encoder in encoders]
    fastest = int(np.argmin(times))
    for encoder in encoders[:fastest] + encoders[fastest + 1 :]:
        encoder.close()
    measured = ", ".join(f"{e.runtime} {ms:.2f} ms" for e, ms in zip(encoders, times, strict=True))
    return Choice(encoders[fastest], f"{encoders[fastest].runtime}: the fastest of {measured}")
