# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Batches and samples that are drawn in worker processes."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.kitti_maker import make_drive  # noqa: E402
from support.toy_method import ToyMethod, toy_samples  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from liploc_ros.datasets import open_drive  # noqa: E402
from liploc_ros.learning.checkpoint import load_checkpoint  # noqa: E402
from liploc_ros.learning.data.batches import batches  # noqa: E402
from liploc_ros.learning.data.preparation import draw_samples  # noqa: E402
from liploc_ros.learning.data.shared_samples import SharedSamples  # noqa: E402
from liploc_ros.learning.data.workers import WorkerError, draw_ahead  # noqa: E402
from liploc_ros.learning.distributed import Processes  # noqa: E402
from liploc_ros.learning.registry import method_of, read_recipe  # noqa: E402
from liploc_ros.learning.trainer import Trainer, TrainingError  # noqa: E402


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


def bytes_of(drawn):
    return [[tensor.contiguous().numpy().tobytes() for tensor in batch.tensors()] for batch in drawn]


def arrays_of(samples):
    views = (
        [s.camera.image, s.camera.mask, *(a for v in (s.own, *s.virtual) for a in (v.range, v.reflectance))]
        for s in samples
    )
    return [[(a.shape, a.tobytes()) for a in arrays] for arrays in views]


def test_any_number_of_workers_draws_the_same_samples_and_batches(tmp_path):
    recipe = read_recipe("aligned", {"steps": 7, "batch": 4})
    method, drive = method_of(recipe), open_drive(make_drive(tmp_path, frames=12))
    alone, (used,) = draw_samples(method, [drive])
    expected = bytes_of(batches(method, alone, recipe))
    for workers in (1, 3):
        samples, (used_too,) = draw_samples(method, [drive], workers)
        assert arrays_of(samples) == arrays_of(alone) and used_too.sha256 == used.sha256
        assert bytes_of(batches(method, samples, recipe, workers=workers)) == expected
        assert bytes_of(batches(method, samples, recipe, first=5, workers=workers)) == expected[5:]


def test_each_process_of_a_distributed_run_gets_its_part_of_the_batch():
    recipe = read_recipe("aligned", {"steps": 3, "batch": 4})
    whole = list(batches(ToyMethod(), toy_samples(), recipe))
    parts = zip(
        *(batches(ToyMethod(), toy_samples(), recipe, 0, Processes(rank, 2), 1) for rank in (0, 1)), strict=True
    )
    for batch, of_processes in zip(whole, parts, strict=True):
        assert torch.equal(batch.position, torch.cat([part.position for part in of_processes]))


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("damaged", ["image_02/data/0000000003.png", "velodyne_points/data/0000000003.bin"])
def test_a_frame_that_cannot_be_read_is_left_out(tmp_path, workers, damaged):
    folder, whole = make_drive(tmp_path, frames=8), make_drive(tmp_path / "whole", frames=4)
    (folder / damaged).write_bytes((folder / damaged).read_bytes()[:-5])
    samples, used = draw_samples(method_of(read_recipe("aligned")), [open_drive(folder), open_drive(whole)], workers)
    assert [len(drive.drive.frames) for drive in used] == [7, 4] and len(samples) == 11
    assert "0000000003" in used[0].skipped[0] and not used[1].skipped


@pytest.mark.parametrize(("free_mb", "used"), [(0, 0), (0.05, 1), (100, 3)])
def test_fewer_workers_draw_if_shared_memory_is_small(monkeypatch, caplog, free_mb, used):
    recipe = read_recipe("aligned", {"steps": 4, "batch": 4})
    expected = bytes_of(batches(ToyMethod(), toy_samples(), recipe))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=int(free_mb * 1e6)))
    drawn = batches(ToyMethod(), toy_samples(), recipe, workers=3)
    assert bytes_of([next(drawn)]) == expected[:1] and len(multiprocessing.active_children()) == used
    assert bytes_of(drawn) == expected[1:]
    assert used == 3 or f"{used} instead of 3 processes draw batches: /dev/shm has 0 MB free" in caplog.text


class Squares(Dataset):
    def __init__(self, on_three):
        self.on_three = on_three

    def __getitem__(self, index):
        return self.on_three() if index == 3 else index**2


def die():
    os.kill(os.getpid(), signal.SIGKILL)


KILLED = """
import multiprocessing, os
from liploc_ros.learning.data.workers import draw_ahead

items = draw_ahead(range(100), range(100), 1, "numbers")
next(items)
print(multiprocessing.active_children()[0].pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_workers_end_when_the_training_process_is_killed():
    worker = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True).stdout.strip()
    deadline = time.monotonic() + 60
    while Path("/proc", worker).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert worker and not Path("/proc", worker).exists()


def fail():
    raise ValueError("no such\nthing")


def test_a_worker_that_dies_is_one_line_with_a_remedy():
    items = draw_ahead(Squares(die), range(100), 2, "squares")
    assert next(items) == 0
    with pytest.raises(
        WorkerError, match=r"^a process that draws squares ended \(SIGKILL\): .* --workers \(now 2; 0: none\)$"
    ):
        list(items)


def test_an_exception_in_a_worker_is_one_line_with_its_traceback_as_the_cause():
    items = draw_ahead(Squares(fail), range(100), 2, "squares")
    with pytest.raises(WorkerError, match=r"^squares cannot be drawn: ValueError: no such thing$") as caught:
        list(items)
    assert "in fail" in str(caught.value.__cause__)


class StopsInStepTwo(ToyMethod):
    """Sends a signal to the training process and its workers, as Ctrl-C in a terminal does."""

    def __init__(self, number):
        super().__init__()
        self.number, self.steps = number, 0

    def loss(self, *arguments):
        self.steps += 1
        if self.steps == 2:
            for child in multiprocessing.active_children():
                os.kill(child.pid, self.number)
            os.kill(os.getpid(), self.number)
        return super().loss(*arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_with_workers_can_be_stopped_and_resumed_with_another_number_of_them(tmp_path, number):
    torch.set_num_threads(1)
    recipe = read_recipe("aligned", {"batch": 4, "steps": 12})
    whole = Trainer(ToyMethod(), recipe, None).fit(toy_samples())
    with pytest.raises(TrainingError, match=r"stopped after step \d of 12: run the same command with --resume"):
        Trainer(StopsInStepTwo(number), recipe, None).fit(toy_samples(), tmp_path, workers=2)
    resumed = Trainer(ToyMethod(), recipe, None)
    resumed.load_state_dict(load_checkpoint(tmp_path / "checkpoint.pt"))
    for name, weights in resumed.fit(toy_samples(), workers=1).state_dict().items():
        assert torch.equal(weights, whole.state_dict()[name])


class EndsWithItsWorkers(ToyMethod):
    """In the third batch, the worker ends itself and tells the training process to stop, which waits for the batch."""

    def __init__(self):
        super().__init__()
        self.trainer, self.batches = os.getpid(), 0

    def batch(self, samples, rng):
        self.batches += os.getpid() != self.trainer
        if self.batches == 3:
            time.sleep(1)
            os.kill(self.trainer, signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        return super().batch(samples, rng)


def test_a_run_that_is_stopped_together_with_its_workers_writes_its_checkpoint(tmp_path):
    recipe = read_recipe("aligned", {"batch": 4, "steps": 12})
    with pytest.raises(TrainingError, match=r"stopped after step [12] of 12"):
        Trainer(EndsWithItsWorkers(), recipe, None).fit(toy_samples(), tmp_path, workers=1)
    assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] in (1, 2)


def test_shared_samples_are_read_only_and_can_be_selected():
    samples = SharedSamples(toy_samples(5))
    chosen = samples.select([3, 1])
    del samples
    assert [sample.number for sample in chosen] == [3, 1] and chosen[1].T_map_base[0, 3] == 10
    with pytest.raises(ValueError, match="read-only"):
        chosen[0].T_map_base[:] = 0
    assert len(SharedSamples()) == 0 and np.array_equal(chosen[:1][0].T_map_base, chosen[0].T_map_base)
