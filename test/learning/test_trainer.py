# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The trainer, with a method that trains fast."""

import os
import signal

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.toy_method import ToyMethod, toy_samples  # noqa: E402

from liploc_ros.files import FileError  # noqa: E402
from liploc_ros.learning.checkpoint import CheckpointError, load_checkpoint, save_checkpoint  # noqa: E402
from liploc_ros.learning.distributed import Processes  # noqa: E402
from liploc_ros.learning.gradients import add_gradients, encode, split  # noqa: E402
from liploc_ros.learning.registry import read_recipe  # noqa: E402
from liploc_ros.learning.trainer import Trainer, TrainingError, averaged_model, learning_rate_factor  # noqa: E402
from liploc_ros.learning.validation import recall_at_1  # noqa: E402


def recipe(**changes):
    return read_recipe("aligned", {"batch": 4, "steps": 4, "checkpoint_every": 2, **changes})


def gradients(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def with_gradients(method, batch, micro_batch):
    torch.manual_seed(0)
    model = method.model(None).train()
    torch.manual_seed(1)
    loss = add_gradients(method, model, batch, Processes(), micro_batch)
    return model, loss


def test_micro_batches_give_the_loss_and_gradients_of_the_whole_batch():
    method = ToyMethod()
    batch = method.batch(toy_samples(), None)
    model, loss = with_gradients(method, batch, 0)
    for size in (1, 2, 4):
        other, other_loss = with_gradients(method, batch, size)
        torch.testing.assert_close(other_loss, loss)
        torch.testing.assert_close(gradients(other), gradients(model))


def test_micro_batches_repeat_their_dropout_and_update_the_running_statistics_once():
    method = ToyMethod(lambda: torch.nn.BatchNorm2d(16), lambda: torch.nn.Dropout(0.5))
    batch = method.batch(toy_samples(), None)
    model, _ = with_gradients(method, batch, 4)
    torch.manual_seed(0)
    whole = method.model(None).train()
    torch.manual_seed(1)
    camera, lidar = (torch.cat(o) for o in zip(*(encode(whole, part) for part in split(batch, 4)), strict=True))
    method.loss(whole, camera, lidar, batch).backward()
    torch.testing.assert_close(gradients(model), gradients(whole))
    torch.testing.assert_close(model["camera"][1].running_var, whole["camera"][1].running_var)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_a_toy_method_improves_its_recall(precision):
    method, samples = ToyMethod(), toy_samples(32)
    trainer = Trainer(method, recipe(steps=150, batch=16, precision=precision, ema=0.9), None)
    before = recall_at_1(method, trainer.model, samples, torch.device("cpu"))
    assert before < 0.3 and recall_at_1(method, trainer.fit(samples), samples, torch.device("cpu")) > 0.8


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path):
    def stop_after_two():
        if trainer.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    torch.set_num_threads(1)
    dropout, samples = lambda: torch.nn.Dropout(0.5), toy_samples()
    whole = Trainer(ToyMethod(dropout), recipe(ema=0.5), None).fit(samples)
    trainer = Trainer(ToyMethod(dropout, on_loss=stop_after_two), recipe(ema=0.5), None)
    with pytest.raises(TrainingError, match="stopped after step 2 of 4: run the same command with --resume"):
        trainer.fit(samples, tmp_path)
    resumed = Trainer(ToyMethod(dropout), recipe(ema=0.5), None)
    resumed.load_state_dict(load_checkpoint(tmp_path / "checkpoint.pt"))
    assert resumed.step == 2
    for name, weights in resumed.fit(samples, tmp_path).state_dict().items():
        assert torch.equal(weights, whole.state_dict()[name])


def test_a_checkpoint_of_another_recipe_is_refused():
    state = Trainer(ToyMethod(), recipe(), None).state_dict()
    with pytest.raises(TrainingError, match="batch is 4 there, 8 here"):
        Trainer(ToyMethod(), recipe(batch=8), None).load_state_dict(state)


def test_a_failed_write_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path)["step"] == 1 and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("version", "remedy"), [(1, "train again"), (3, "update liploc_ros")])
def test_a_checkpoint_of_another_format_is_refused(tmp_path, version, remedy):
    torch.save({"format_version": version}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match=f"checkpoint format {version}, this version reads 2: {remedy}"):
        load_checkpoint(tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello"])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a complete checkpoint"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def test_out_of_memory_is_reported_with_a_remedy():
    trainer = Trainer(ToyMethod(on_loss=lambda: torch.empty(1 << 55)), recipe(), None)
    with pytest.raises(TrainingError, match="4 pairs encoded at once: --set micro_batch=2"):
        trainer.fit(toy_samples())


def test_other_errors_are_not_reported_as_out_of_memory():
    with pytest.raises(RuntimeError, match="size of tensor"):
        Trainer(ToyMethod(on_loss=lambda: torch.ones(2) + torch.ones(3)), recipe(), None).fit(toy_samples())


def test_the_learning_rate_rises_linearly_and_falls_to_zero():
    factors = [learning_rate_factor(step, recipe(steps=100, warm_up=0.1)) for step in range(100)]
    assert factors[:10] == sorted(factors[:10]) and factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[10] == 1 and factors[-1] < 0.001 and 0 < factors[0] < 0.1


def test_averaged_weights_follow_the_formula_and_integer_buffers_are_copied():
    model = torch.nn.BatchNorm1d(3)
    averaged = averaged_model(model, decay=0.5)
    expected = model.running_mean.clone()
    for step in range(1, 30):
        model.running_mean.normal_()
        model.num_batches_tracked += 1
        averaged.update(model, step)
        decay = min(0.5, step / (9 + step))
        expected = decay * expected + (1 - decay) * model.running_mean
    torch.testing.assert_close(averaged.module.running_mean, expected)
    assert averaged.module.num_batches_tracked == 29


def test_loss_learning_rate_scale_and_held_out_recall_are_logged(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    Trainer(ToyMethod(), recipe(steps=10, validate_every=5), None).fit(toy_samples(), tmp_path, {}, toy_samples())
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert {"loss", "rate/0", "loss/scale", "held_out_recall_at_1"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("held_out_recall_at_1")] == [5, 10]
