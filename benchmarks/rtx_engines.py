"""``python -m benchmarks.rtx_engines``: sizes and build times of TensorRT-RTX engines, into docs/gpu.md."""

import tempfile
import time
from pathlib import Path

from benchmarks.document import write_part
from benchmarks.random_models import liploc_bundle
from liploc_ros.encoders import ModelBundle, ModelError, Precision
from liploc_ros.encoders.spec import FILES
from liploc_ros.encoders.tensorrt.engine_builder import Limits, build_engine
from liploc_ros.encoders.tensorrt.engines import keys_for_target
from liploc_ros.encoders.tensorrt.module import load_flavour

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


def main() -> None:
    """Build every engine once, and write the table."""
    flavour = load_flavour("tensorrt_rtx")
    heads = [f"{part} {precision}" for part in FILES for precision in PRECISIONS]
    rows = [f"| bundle | target | {' | '.join(heads)} |", f"|---|---|{'---|' * len(heads)}"]
    with tempfile.TemporaryDirectory() as folder:
        bundles = {"default": ModelBundle.load(), "`liploc`, ViT-S/16": liploc_bundle(Path(folder) / "liploc")}
        for name, bundle in bundles.items():
            for target in flavour.targets:
                cells = []
                for part, file in FILES.items():
                    for precision in PRECISIONS:
                        key = keys_for_target(bundle.path, bundle.spec, flavour, target, precision)[part]
                        start = time.perf_counter()
                        try:
                            size = len(build_engine(bundle.path / file, key, flavour, Limits()).plan)
                        except ModelError as error:
                            print(error, flush=True)
                            cells.append("refused")
                            continue
                        cells.append(f"{size / 1e6:.2f} MB, {time.perf_counter() - start:.1f} s")
                rows.append(f"| {name} | {target} | {' | '.join(cells)} |")
                print(rows[-1], flush=True)
    print(write_part("gpu.md", "rtx engines", f"TensorRT-RTX {flavour.version}:\n\n" + "\n".join(rows)))


if __name__ == "__main__":
    main()
