# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Two processes with half a batch each, compared with one process with the whole batch."""

import os
import socket

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.toy_method import ToyMethod, toy_samples  # noqa: E402

from liploc_ros.learning.aligned.method import AlignedMethod  # noqa: E402
from liploc_ros.learning.distributed import Processes  # noqa: E402
from liploc_ros.learning.gradients import split  # noqa: E402
from liploc_ros.learning.method import RANDOM, Batch  # noqa: E402
from liploc_ros.learning.registry import read_recipe  # noqa: E402
from liploc_ros.learning.trainer import Trainer  # noqa: E402

NAMES = ("aligned", "toy")


class NoiseViews(AlignedMethod):
    """Aligned views of noise."""

    def batch(self, samples, rng):
        generator = torch.Generator().manual_seed(0)
        camera, lidar = torch.randn(4, 3, 64, 256, generator=generator), torch.randn(4, 3, 64, 320, generator=generator)
        position = torch.arange(4)[:, None] * torch.tensor([[5.0, 0, 0]], dtype=torch.float64)
        return Batch(camera, lidar, torch.ones(4, 8, 32), position, torch.zeros(4, dtype=torch.int64))


def step(name, processes):
    """Return the loss of one step, and all gradients as one vector."""
    torch.set_num_threads(1)
    settings = {"batch": 4, "steps": 2, "precision": "float32"}
    recipe = read_recipe("aligned", {**settings, "micro_batch": 1 if name == "toy" else 0})
    method = ToyMethod() if name == "toy" else NoiseViews(recipe)
    trainer = Trainer(method, recipe, RANDOM, processes)
    whole = method.batch(toy_samples(4), None)
    loss = trainer.train_step(split(whole, 4 // processes.size)[processes.rank])
    return loss, torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])


def process(rank, port, folder):
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    with Processes.joined() as processes:
        for name in NAMES:
            torch.save(step(name, processes), folder / f"{name}_{rank}.pt")


def test_two_processes_have_the_same_loss_and_gradients_as_one(tmp_path):
    """With batch normalization over both processes (aligned), and in micro-batches (toy)."""
    with socket.socket() as free_socket:
        free_socket.bind(("127.0.0.1", 0))
        port = free_socket.getsockname()[1]
    torch.multiprocessing.spawn(process, (port, tmp_path), nprocs=2)
    for name in NAMES:
        loss, gradients = step(name, Processes())
        for rank in range(2):
            process_loss, process_gradients = torch.load(tmp_path / f"{name}_{rank}.pt")
            torch.testing.assert_close(process_loss, loss, rtol=1e-5, atol=1e-5)
            assert (process_gradients - gradients).norm() < 5e-3 * gradients.norm()  # float32, 30 normalization layers
