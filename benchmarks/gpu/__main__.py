# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``make gpu-check``: check and time everything that runs on the GPU of this machine; writes the table of docs/gpu.md.

It covers the encoders of the default bundle and, where torch is installed, LIP-Loc's ViT-S/16 with random weights on
every backend; localization of an image; and training. It ends within about six minutes. With ``--cpu`` the parts that
need no GPU run, and nothing is written.
"""

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.doc_sections import write_section
from benchmarks.gpu.encoders import encoder_rows, torch_rows
from benchmarks.gpu.localization import localization_rows
from benchmarks.gpu.rows import Row, table_of
from liploc_ros.cli.terminal import show_log
from liploc_ros.datasets import open_drive
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle, ModelError
from liploc_ros.encoders.parity import PARITY_THRESHOLD
from liploc_ros.encoders.tensorrt.gpu import find_gpu
from liploc_ros.package_share import share_folder
from liploc_ros.threads import limit_threads

RUNS, STEPS = 300, 200
TIME_LIMIT = 330.0  # s; later rows are left out
RECORDING = share_folder() / "demo" / "kitti_0013_excerpt.mcap"


class Check:
    """The parts of the check, and what could not run."""

    def __init__(self, drive: Drive, runs: int, steps: int, on_gpu: bool, folder: Path) -> None:
        self._drive, self._runs, self._steps, self._on_gpu, self._folder = drive, runs, steps, on_gpu, folder
        self._cache = folder / "engines"
        self.skipped: dict[str, str] = {}

    def rows(self) -> Iterator[Row]:
        """Run every part; yield the rows as they are measured."""
        bundle = ModelBundle.load()
        yield from encoder_rows("default", bundle, self._cache, self._runs, self._on_gpu, self.skip)
        yield from localization_rows(self._drive, bundle, self._cache, self._runs, self._on_gpu, self.skip)
        if find_spec("torch") is None:
            self.skip("training and ViT-S/16", "torch is not installed: make .venv/.train")
            return
        from benchmarks.gpu.training import training_row

        yield training_row(self._drive, self._steps, self._on_gpu, self.skip)
        if self._on_gpu:
            yield from self._rows_of_vit()
            yield from torch_rows("default", "aligned", bundle, self._runs)

    def _rows_of_vit(self) -> Iterator[Row]:
        from benchmarks.random_models import liploc_bundle

        vit = liploc_bundle(self._folder / "liploc")
        yield from encoder_rows("ViT-S/16", vit, self._cache, self._runs, self._on_gpu, self.skip)
        yield from torch_rows("ViT-S/16", "liploc", vit, self._runs)

    def skip(self, name: str, reason: str) -> None:
        """Report a backend or part that cannot run, once."""
        if name not in self.skipped:
            print(f"{name}: skipped: {reason}", flush=True)
        self.skipped[name] = reason


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the check and write the table."""
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="of each measurement, unless they take too long")
    parser.add_argument("--steps", type=int, default=STEPS, help="of training")
    parser.add_argument("--drive", type=Path, default=RECORDING, help="recording to localize and train on")
    parser.add_argument("--cpu", action="store_true", help="run what needs no GPU, and write nothing")
    args = parser.parse_args(arguments)
    limit_threads()
    show_log()
    start = time.monotonic()
    try:
        name = "CPU" if args.cpu else "{0.name} ({0.compute_capability})".format(find_gpu())
    except ModelError as error:
        sys.exit(f"gpu-check: {error} (--cpu runs the parts that need no GPU)")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        check = Check(open_drive(args.drive), args.runs, args.steps, not args.cpu, Path(folder))
        for row in check.rows():
            print(row, flush=True)
            rows.append(row)
            if time.monotonic() - start > TIME_LIMIT:
                check.skip("the rest", f"the check ends after {TIME_LIMIT:.0f} s")
                break
    machine = f"{name}, {platform.machine()}, Python {platform.python_version()}"
    lines = [f"{machine}, {time.strftime('%Y-%m-%d')}, {time.monotonic() - start:.0f} s:", "", table_of(rows)]
    lines += [f"\n{backend} did not run: {reason}" for backend, reason in check.skipped.items()]
    text = "\n".join(lines)
    print(text if args.cpu else write_section("gpu.md", "gpu check", text))
    failed = [row for row in rows if row.cosine is not None and row.cosine < PARITY_THRESHOLD]
    if failed:
        sys.exit(f"gpu-check: {len(failed)} rows disagree with ONNX Runtime on the CPU, the first: {failed[0]}")


if __name__ == "__main__":
    main()
