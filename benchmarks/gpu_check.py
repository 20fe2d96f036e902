"""``make gpu-check``: build, check and time every backend on the GPU that is here, and write docs/gpu.md's table.

Both recipes: the default bundle, and LIP-Loc's ViT-S/16 with random weights, where torch is installed. For each
encoder: the least cosine with ONNX Runtime on the CPU on real views, latency of one view, throughput of a batch.
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

from benchmarks.document import write_part
from liploc_ros.cli.terminal import show_log
from liploc_ros.encoders import ModelBundle, ModelError
from liploc_ros.encoders.encoder import Encoder
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import MIN_COSINE, min_cosine
from liploc_ros.encoders.real_views import real_inputs
from liploc_ros.encoders.spec import FILES, Part
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.engine_key import profile_of
from liploc_ros.encoders.tensorrt.engines import open_engine
from liploc_ros.encoders.tensorrt.gpu import find_gpu
from liploc_ros.encoders.tensorrt.module import FLAVOURS

RUNS, WARM_UP = 300, 20
Views = NDArray[np.float32]


class Row(NamedTuple):
    """What is measured of one encoder on one backend."""

    recipe: str
    part: Part
    backend: str
    cosine: float
    median_ms: float
    p99_ms: float
    views_per_second: float


def main() -> None:
    """Check and time everything that can run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    args = parser.parse_args()
    show_log()
    try:
        gpu = find_gpu()
    except ModelError as error:
        sys.exit(f"gpu-check: {error}")
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_rows(Path(folder), args.runs))
    machine = f"{gpu.name} ({gpu.capability}), {platform.machine()}, Python {platform.python_version()}"
    print(write_part("gpu.md", "gpu check", f"{machine}:\n\n{_table(rows)}"))
    wrong = [row for row in rows if row.cosine < MIN_COSINE]
    if wrong:
        sys.exit(f"gpu-check: {len(wrong)} of {len(rows)} disagree with ONNX Runtime, the first: {wrong[0]}")


def _rows(folder: Path, runs: int) -> Iterator[Row]:
    for recipe, bundle in _bundles(folder).items():
        for part, file in FILES.items():
            views = real_inputs(bundle.spec, part)
            expected = OnnxEncoder(bundle.path / file).encode(views)
            most = profile_of(bundle.spec, part).most[0]
            batch = np.concatenate([views] * most)[:most]
            for backend, opened in _backends(bundle, part, folder / "engines"):
                try:
                    encoder = opened()
                except ModelError as error:
                    print(f"{recipe} {part} {backend}: left out: {error}", flush=True)
                    continue
                cosine = min_cosine(encoder.encode(views), expected)
                yield (row := Row(recipe, part, backend, cosine, *_times(encoder, views[:1], batch, runs)))
                print(row, flush=True)
                encoder.close()
            if (torch_times := _torch_times(recipe, part, views[:1], batch, runs)) is not None:
                yield Row(recipe, part, "torch CUDA fp32, random weights", float("nan"), *torch_times)


def _bundles(folder: Path) -> dict[str, ModelBundle]:
    bundles = {"aligned": ModelBundle.load()}
    try:
        from benchmarks.random_models import liploc_bundle
    except ImportError as error:
        print(f"recipe liploc is left out: {error.name} is not installed: make .venv/.train", flush=True)
    else:
        bundles["liploc"] = liploc_bundle(folder / "liploc")
    return bundles


def _backends(bundle: ModelBundle, part: Part, cache: Path) -> Iterator[tuple[str, Callable[[], Encoder]]]:
    path = bundle.path / FILES[part]
    for name in FLAVOURS:
        for precision in ("fp32", "fp16"):
            opened = partial(open_engine, bundle.path, bundle.spec, part, name, precision, EngineCache(cache))
            yield f"{name} {precision}", opened
    yield "onnxruntime CUDA", partial(OnnxEncoder, path, device="cuda")
    yield "onnxruntime CPU", partial(OnnxEncoder, path)


def _times(encoder: Encoder, view: Views, batch: Views, runs: int) -> tuple[float, float, float]:
    """Return median and 99th percentile of one view [ms], and views a second in a batch."""
    single, several = _seconds(partial(encoder.encode, view), runs), _seconds(partial(encoder.encode, batch), runs // 4)
    return (
        1e3 * float(np.median(single)),
        1e3 * float(np.quantile(single, 0.99)),
        len(batch) / float(np.median(several)),
    )


def _seconds(function: Callable[[], object], runs: int) -> list[float]:
    taken = []
    for _ in range(WARM_UP + runs):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return taken[WARM_UP:]


def _torch_times(recipe: str, part: Part, view: Views, batch: Views, runs: int) -> tuple[float, float, float] | None:
    """Time the recipe's network in torch on the GPU, copies in and out included; None where it cannot run."""
    try:
        import torch

        from benchmarks.random_models import random_encoders
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    network = random_encoders(recipe)[part].cuda()

    class InTorch:
        runtime = "torch"

        def encode(self, views: Views) -> Views:
            with torch.inference_mode():
                return np.asarray(network(torch.from_numpy(views).cuda()).cpu().numpy(), np.float32)

        def close(self) -> None:
            pass

    return _times(InTorch(), view, batch, runs)


def _table(rows: list[Row]) -> str:
    lines = [
        "| recipe | encoder | backend | least cosine | median | p99 | views a second in a batch |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cosine = "" if np.isnan(row.cosine) else f"{row.cosine:.5f}"
        lines.append(
            f"| {row.recipe} | {row.part} | {row.backend} | {cosine} | {row.median_ms:.3f} ms | {row.p99_ms:.3f} ms "
            f"| {row.views_per_second:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
