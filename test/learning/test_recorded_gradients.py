# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Recorded steps, with a recorder that behaves like a CUDA graph on the CPU."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.toy_method import ToyMethod, toy_samples  # noqa: E402

from liploc_ros.learning.recorded_gradients import WARM_UP  # noqa: E402
from liploc_ros.learning.registry import read_recipe  # noqa: E402
from liploc_ros.learning.trainer import Trainer  # noqa: E402


class Recorder:
    """Records a function without its effects; the replay writes into the tensors of the recording."""

    def __init__(self, model, error=0.0):
        self.model, self.error, self.replays = model, error, 0

    def __call__(self, compute):
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        loss = compute()
        for buffer, value in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(value)
        gradients = [p.grad for p in self.model.parameters()]

        def replay():
            self.replays += 1
            for p in self.model.parameters():
                p.grad = None
            loss.copy_(compute())
            for p, gradient in zip(self.model.parameters(), gradients, strict=True):
                gradient.copy_(p.grad * (1 + self.error))
                p.grad = gradient

        return replay, loss


def trained(recorder=None, steps=WARM_UP + 5):
    torch.set_num_threads(1)
    recipe = read_recipe("aligned", {"batch": 4, "steps": steps})
    trainer = Trainer(ToyMethod(lambda: torch.nn.BatchNorm2d(16)), recipe, None)
    if recorder is not None:
        recorder.model = trainer.model
        trainer._gradients._record = recorder
    return trainer.fit(toy_samples()).state_dict()


def assert_equal(weights, expected):
    for name, values in expected.items():
        torch.testing.assert_close(weights[name], values, rtol=0, atol=0)


def test_a_recorded_run_ends_with_the_weights_of_one_without_recording():
    recorder = Recorder(None)
    assert_equal(trained(recorder), trained())
    assert recorder.replays == 5


def test_a_recording_that_differs_is_not_used(caplog):
    recorder = Recorder(None, error=0.1)
    assert_equal(trained(recorder), trained())
    assert recorder.replays == 1 and "the recorded step differs by 10.0%" in caplog.text


def test_a_step_that_cannot_be_recorded_is_done_without_recording(caplog):
    class Refuses(Recorder):
        def __call__(self, compute):
            raise RuntimeError("operation not permitted\nwhen stream is capturing")

    assert_equal(trained(Refuses(None)), trained())
    assert "one by one, which is slower: operation not permitted" in caplog.text
