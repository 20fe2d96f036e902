# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``python -m benchmarks.rtx_engines``: sizes and build times of TensorRT-RTX engines, written into docs/gpu.md.

Besides the engines that are used, it builds those for single compute capabilities, to compare them with the portable
one.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.doc_sections import write_section
from benchmarks.random_models import liploc_bundle
from liploc_ros.encoders import ModelBundle, ModelError, Precision
from liploc_ros.encoders.spec import FILES, ONNX_FILES
from liploc_ros.encoders.tensorrt.bundle_engines import keys_for_target
from liploc_ros.encoders.tensorrt.engine_builder import build_engine
from liploc_ros.encoders.tensorrt.engine_target import MIN_LATER_CAPABILITY, PORTABLE_CAPABILITIES, RTX_TARGETS
from liploc_ros.encoders.tensorrt.flavour import Flavour, load_flavour
from liploc_ros.threads import limit_threads

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")
SINGLE_TARGETS = [f"sm{capability}" for capability in (*PORTABLE_CAPABILITIES, MIN_LATER_CAPABILITY)]


def main() -> None:
    """Build every engine once, and write the table."""
    limit_threads()
    flavour = load_flavour("tensorrt_rtx")
    titles = [f"{part} {precision}" for part in FILES for precision in PRECISIONS]
    rows = [f"| bundle | target | {' | '.join(titles)} |", f"|---|---|{'---|' * len(titles)}"]
    with tempfile.TemporaryDirectory() as folder:
        bundles = {"default": ModelBundle.load(), "`liploc`, ViT-S/16": liploc_bundle(Path(folder) / "liploc")}
        for name, bundle in bundles.items():
            for target in (*RTX_TARGETS, *SINGLE_TARGETS):
                title = target if target in RTX_TARGETS else f"{target} alone"
                rows.append(f"| {name} | {title} | {' | '.join(_build_all(bundle, flavour, target))} |")
                print(rows[-1], flush=True)
    print(write_section("gpu.md", "rtx engines", f"TensorRT-RTX {flavour.version}:\n\n" + "\n".join(rows)))


def _build_all(bundle: ModelBundle, flavour: Flavour, target: str) -> list[str]:
    """Return size and build time of the engines of a bundle, in the order of the columns."""
    measured = []
    for part in FILES:
        for precision in PRECISIONS:
            key = keys_for_target(bundle.path, bundle.spec, flavour, target, precision)[part]
            start = time.perf_counter()
            try:
                size = len(build_engine(bundle.path / ONNX_FILES[precision][part], key, flavour).plan)
            except ModelError as error:
                print(error, flush=True)
                measured.append("refused")
                continue
            measured.append(f"{size / 1e6:.2f} MB, {time.perf_counter() - start:.1f} s")
    return measured


if __name__ == "__main__":
    main()
