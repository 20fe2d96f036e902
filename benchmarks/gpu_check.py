# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``make gpu-check``: check and time every backend on the GPU of this machine; writes the table of docs/gpu.md.

It covers the default bundle and, where torch is installed, LIP-Loc's ViT-S/16 with random weights. For each encoder it
measures the minimum cosine with ONNX Runtime on the CPU, the latency of one view, and the throughput of a batch.
"""

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.doc_sections import write_section
from liploc_ros.cli.terminal import show_log
from liploc_ros.encoders import ModelBundle, ModelError
from liploc_ros.encoders.encoder import Encoder
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import PARITY_THRESHOLD, min_cosine
from liploc_ros.encoders.parity_views import parity_inputs
from liploc_ros.encoders.spec import FILES, Part
from liploc_ros.encoders.tensorrt.bundle_engines import open_engine
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.engine_key import profile_of
from liploc_ros.encoders.tensorrt.flavour import FLAVOURS
from liploc_ros.encoders.tensorrt.gpu import find_gpu
from liploc_ros.threads import limit_threads

RUNS, WARM_UP_RUNS = 300, 20
Views = NDArray[np.float32]


class Times(NamedTuple):
    """Latency of one view, and throughput of a batch."""

    median_ms: float
    p99_ms: float
    views_per_second: float


class Row(NamedTuple):
    """A row of the table: one encoder on one backend; the cosine is NaN if it was not measured."""

    recipe: str
    part: Part
    backend: str
    cosine: float
    times: Times


def main() -> None:
    """Check and time every backend that can run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    args = parser.parse_args()
    limit_threads()
    show_log()
    try:
        gpu = find_gpu()
    except ModelError as error:
        sys.exit(f"gpu-check: {error}")
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_rows(Path(folder), args.runs))
    machine = f"{gpu.name} ({gpu.compute_capability}), {platform.machine()}, Python {platform.python_version()}"
    print(write_section("gpu.md", "gpu check", f"{machine}:\n\n{_table(rows)}"))
    failed = [row for row in rows if row.cosine < PARITY_THRESHOLD]
    if failed:
        sys.exit(f"gpu-check: {len(failed)} of {len(rows)} disagree with ONNX Runtime, the first: {failed[0]}")


def _rows(folder: Path, runs: int) -> Iterator[Row]:
    for recipe, bundle in _bundles(folder).items():
        for part, file in FILES.items():
            views = parity_inputs(bundle.spec, part)
            expected = OnnxEncoder(bundle.path / file).encode(views)
            batch_size = profile_of(bundle.spec, part).max[0]
            batch = np.concatenate([views] * batch_size)[:batch_size]
            for backend, open_encoder in _backends(bundle, part, folder / "engines"):
                try:
                    encoder = open_encoder()
                except ModelError as error:
                    print(f"{recipe} {part} {backend}: skipped: {error}", flush=True)
                    continue
                cosine = min_cosine(encoder.encode(views), expected)
                yield (row := Row(recipe, part, backend, cosine, _times(encoder.encode, views[:1], batch, runs)))
                print(row, flush=True)
                encoder.close()
            if (torch_times := _torch_times(recipe, part, views[:1], batch, runs)) is not None:
                yield Row(recipe, part, "torch CUDA fp32, random weights", float("nan"), torch_times)


def _bundles(folder: Path) -> dict[str, ModelBundle]:
    bundles = {"aligned": ModelBundle.load()}
    try:
        from benchmarks.random_models import liploc_bundle
    except ImportError as error:
        print(f"recipe liploc: skipped: {error.name} is not installed: make .venv/.train", flush=True)
    else:
        bundles["liploc"] = liploc_bundle(folder / "liploc")
    return bundles


def _backends(bundle: ModelBundle, part: Part, cache: Path) -> Iterator[tuple[str, Callable[[], Encoder]]]:
    """Yield the name of each backend, and a function that opens the encoder on it."""
    path = bundle.path / FILES[part]
    for name in FLAVOURS:
        for precision in ("fp32", "fp16"):
            engine = partial(open_engine, bundle.path, bundle.spec, part, name, precision, EngineCache(cache))
            yield f"{name} {precision}", engine
    yield "onnxruntime CUDA", partial(OnnxEncoder, path, device="cuda")
    yield "onnxruntime CPU", partial(OnnxEncoder, path)


def _times(encode: Callable[[Views], Views], view: Views, batch: Views, runs: int) -> Times:
    single, several = _seconds(partial(encode, view), runs), _seconds(partial(encode, batch), runs // 4)
    return Times(
        1e3 * float(np.median(single)),
        1e3 * float(np.quantile(single, 0.99)),
        len(batch) / float(np.median(several)),
    )


def _seconds(function: Callable[[], object], runs: int) -> list[float]:
    times = []
    for _ in range(WARM_UP_RUNS + runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times[WARM_UP_RUNS:]


def _torch_times(recipe: str, part: Part, view: Views, batch: Views, runs: int) -> Times | None:
    """Time the recipe's network in torch on the GPU, including the copies; None if torch or CUDA is missing."""
    try:
        import torch

        from benchmarks.random_models import random_encoders
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    network = random_encoders(recipe)[part].cuda()

    def encode(views: Views) -> Views:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(views).cuda()).cpu().numpy(), np.float32)

    return _times(encode, view, batch, runs)


def _table(rows: list[Row]) -> str:
    lines = [
        "| recipe | encoder | backend | minimum cosine | median | p99 | views per second in a batch |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cosine = "" if np.isnan(row.cosine) else f"{row.cosine:.5f}"
        lines.append(
            f"| {row.recipe} | {row.part} | {row.backend} | {cosine} | {row.times.median_ms:.3f} ms "
            f"| {row.times.p99_ms:.3f} ms | {row.times.views_per_second:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
