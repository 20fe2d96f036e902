"""The trainer, with a method that is quick to train."""

import os
import signal

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.toy_method import ToyMethod, toy_samples  # noqa: E402

from liploc_ros.learning.checkpoint import CheckpointError, load_checkpoint, save_checkpoint  # noqa: E402
from liploc_ros.learning.distributed import Processes  # noqa: E402
from liploc_ros.learning.gradients import add_gradients, encode, split  # noqa: E402
from liploc_ros.learning.recipe import read_recipe  # noqa: E402
from liploc_ros.learning.trainer import Trainer, TrainingError, share_of_rate  # noqa: E402
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


def test_micro_batches_repeat_their_dropout_and_count_once_in_running_moments():
    method = ToyMethod(lambda: torch.nn.BatchNorm2d(16), lambda: torch.nn.Dropout(0.5))
    batch = method.batch(toy_samples(), None)
    model, _ = with_gradients(method, batch, 4)
    torch.manual_seed(0)
    slow = method.model(None).train()
    torch.manual_seed(1)
    camera, lidar = (torch.cat(o) for o in zip(*(encode(slow, part) for part in split(batch, 4)), strict=True))
    method.loss(slow, camera, lidar, batch).backward()
    torch.testing.assert_close(gradients(model), gradients(slow))
    torch.testing.assert_close(model["camera"][1].running_var, slow["camera"][1].running_var)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_toy_is_learned(precision):
    method, samples = ToyMethod(), toy_samples(32)
    trainer = Trainer(method, recipe(steps=150, batch=16, precision=precision, ema=0.9), None)
    before = recall_at_1(method, trainer.model, samples, torch.device("cpu"))
    assert before < 0.3 and recall_at_1(method, trainer.fit(samples), samples, torch.device("cpu")) > 0.8


def test_a_stopped_run_ends_in_the_weights_of_one_that_was_not(tmp_path):
    def stop_after_two():
        if trainer.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    torch.set_num_threads(1)
    dropout, samples = lambda: torch.nn.Dropout(0.5), toy_samples()
    whole = Trainer(ToyMethod(dropout), recipe(ema=0.5), None).fit(samples)
    trainer = Trainer(ToyMethod(dropout, fail=stop_after_two), recipe(ema=0.5), None)
    with pytest.raises(TrainingError, match="stopped after step 2 of 4: the same command with --resume"):
        trainer.fit(samples, tmp_path)
    resumed = Trainer(ToyMethod(dropout), recipe(ema=0.5), None)
    resumed.load(load_checkpoint(tmp_path / "checkpoint.pt"))
    assert resumed.step == 2
    for name, weights in resumed.fit(samples, tmp_path).state_dict().items():
        assert torch.equal(weights, whole.state_dict()[name])


def test_another_recipe_does_not_go_on_from_a_checkpoint():
    state = Trainer(ToyMethod(), recipe(), None).state()
    with pytest.raises(TrainingError, match="batch 4 there, 8 here"):
        Trainer(ToyMethod(), recipe(batch=8), None).load(state)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path)["step"] == 1 and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello"])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def test_too_little_memory_is_told_with_the_remedy():
    trainer = Trainer(ToyMethod(fail=lambda: torch.empty(1 << 55)), recipe(), None)
    with pytest.raises(TrainingError, match="4 pairs encoded at once: --set micro_batch=2"):
        trainer.fit(toy_samples())


def test_other_errors_are_not_taken_for_too_little_memory():
    with pytest.raises(RuntimeError, match="size of tensor"):
        Trainer(ToyMethod(fail=lambda: torch.ones(2) + torch.ones(3)), recipe(), None).fit(toy_samples())


def test_rates_rise_straight_and_fall_to_nothing():
    shares = [share_of_rate(step, recipe(steps=100, warm_up=0.1)) for step in range(100)]
    assert shares[:10] == sorted(shares[:10]) and shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[10] == 1 and shares[-1] < 0.001 and 0 < shares[0] < 0.1


def test_curves_of_loss_rate_scale_and_held_out_recall_are_written(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    Trainer(ToyMethod(), recipe(steps=10, validate_every=5), None).fit(toy_samples(), tmp_path, {}, toy_samples())
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert {"loss", "rate/0", "loss/scale", "held_out_recall_at_1"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("held_out_recall_at_1")] == [5, 10]
