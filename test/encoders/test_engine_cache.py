# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The cache of TensorRT engines, without TensorRT and without a GPU."""

import logging
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from liploc_ros.encoders import ModelError
from liploc_ros.encoders.tensorrt.build_progress import BuildProgress
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache, default_folder
from liploc_ros.encoders.tensorrt.engine_key import EngineKey, OptimizationProfile
from liploc_ros.encoders.tensorrt.engine_lock import engine_lock
from liploc_ros.encoders.tensorrt.stale import stale_reason
from liploc_ros.files import FileError

PLAN = b"a plan" * 100
KEY = EngineKey(
    onnx_sha256="0" * 64,
    flavour="tensorrt_rtx",
    version="1.0",
    gpu_name="",
    target="sm89",
    precision="fp16",
    profile=OptimizationProfile(min=(1, 3, 64, 256), opt=(1, 3, 64, 256), max=(8, 3, 64, 256)),
    workspace=1 << 30,
    flags=("strongly typed",),
)
OTHER_VALUES = {
    "onnx_sha256": "1" * 64,
    "flavour": "tensorrt",
    "version": "1.1",
    "gpu_name": "NVIDIA L4",
    "target": "sm86",
    "precision": "fp32",
    "profile": OptimizationProfile(min=(1, 3, 64, 256), opt=(1, 3, 64, 256), max=(4, 3, 64, 256)),
    "workspace": 1 << 29,
    "flags": (),
}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "camera.onnx"
    path.write_bytes(b"a network")
    return path


@pytest.fixture
def cache(tmp_path, model):
    """A cache that holds the engine of KEY."""
    cache = EngineCache(tmp_path / "engines")
    cache.get(KEY, model, lambda: PLAN, bytes)
    return cache


def must_not_build():
    raise AssertionError("an engine is built although the cache holds it")


@pytest.mark.parametrize("field", EngineKey.model_fields)
def test_every_field_of_the_key_gives_another_engine(field, cache, model):
    other = KEY.model_copy(update={field: OTHER_VALUES[field]})
    assert other.digest != KEY.digest
    assert cache.get(other, model, lambda: b"another", bytes) == b"another"
    assert cache.get(KEY, model, must_not_build, bytes) == PLAN


def test_an_engine_is_built_once(cache, model):
    assert cache.get(KEY, model, must_not_build, bytes) == PLAN
    assert EngineCache(cache.folder).get(KEY, model, must_not_build, bytes) == PLAN


def _build_slowly(folder, started, barrier=None):
    def build():
        with (folder / "builds").open("a") as file:
            file.write("x")
        started.set()
        time.sleep(0.5)
        return PLAN

    if barrier is not None:
        barrier.wait()
    assert EngineCache(folder).get(KEY, folder / "camera.onnx", build, bytes) == PLAN


@pytest.mark.slow
def test_only_one_of_two_processes_builds_an_engine(tmp_path):
    context = multiprocessing.get_context("spawn")
    arguments = (tmp_path, context.Event(), context.Barrier(2))
    processes = [context.Process(target=_build_slowly, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (tmp_path / "builds").read_text() == "x"


def test_a_process_killed_during_a_build_leaves_no_engine_and_no_lock(tmp_path):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_build_slowly, args=(tmp_path, started))
    process.start()
    assert started.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    cache = EngineCache(tmp_path)
    assert cache.entries() == []
    assert cache.get(KEY, tmp_path / "camera.onnx", lambda: b"new", bytes) == b"new"


def test_a_process_killed_while_writing_leaves_no_engine(cache, model):
    """It leaves a part of the engine in a temporary file, or an engine without a record."""
    cache.path(KEY.digest, ".json").unlink()
    unfinished = cache.folder / f".{KEY.digest}.plan.x.new"
    unfinished.write_bytes(PLAN[:10])
    assert cache.get(KEY, model, lambda: b"new", bytes) == b"new"
    assert [entry.fault for entry in cache.entries()] == [""] and not unfinished.exists()


def test_waiting_for_a_lock_is_logged_and_ends_at_the_timeout(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "engine.lock"
    message = "held the lock for more than 0.1 s.*: end that process"
    with (
        engine_lock(path, 0.1, "it builds"),
        pytest.raises(ModelError, match=message),
        engine_lock(path, 0.1, "it builds"),
    ):
        pass
    assert caplog.messages == ["waiting for another process: it builds"]
    with engine_lock(path, 0.0, "it builds"):
        assert path.exists()


def truncate(cache):
    cache.path(KEY.digest, ".plan").write_bytes(PLAN[:-1])


def change_a_byte(cache):
    cache.path(KEY.digest, ".plan").write_bytes(b"b" + PLAN[1:])


def replace_by_another_engine(cache):
    other = KEY.model_copy(update={"target": "sm75"})
    cache.get(other, cache.folder / "camera.onnx", lambda: b"other", bytes)
    for suffix in (".plan", ".json"):
        cache.path(other.digest, suffix).replace(cache.path(KEY.digest, suffix))


def damage_the_record(cache):
    cache.path(KEY.digest, ".json").write_text("{")


def remove_the_plan(cache):
    cache.path(KEY.digest, ".plan").unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncate, "truncated: 599 of 600 bytes"),
        (change_a_byte, "wrong checksum"),
        (replace_by_another_engine, r"wrong key: it was built for .*sm75"),
        (damage_the_record, r"json is damaged"),
        (remove_the_plan, r"plan cannot be read"),
    ],
)
def test_a_damaged_engine_is_built_again_and_the_log_says_why(cache, model, caplog, damage, reason):
    damage(cache)
    assert cache.entries()[0].fault
    assert cache.get(KEY, model, lambda: b"new", bytes) == b"new"
    assert caplog.messages and caplog.messages[-1].endswith("building it again")
    with pytest.raises(ModelError, match=reason):
        raise ModelError(caplog.messages[-1])


def test_an_engine_that_the_runtime_refuses_is_built_again(cache, model, caplog):
    def load(plan):
        if plan == PLAN:
            raise ModelError("not for this driver")
        return plan

    assert cache.get(KEY, model, lambda: b"new", load) == b"new"
    assert "refused: not for this driver" in caplog.text


def test_an_engine_is_stale_when_its_model_changes(cache, model, monkeypatch):
    monkeypatch.setattr("liploc_ros.encoders.tensorrt.stale.is_installed", lambda name: False)
    assert "has changed" in stale_reason(cache.entries()[0])  # the hash in the key is that of another file
    model.unlink()
    assert "does not exist" in stale_reason(cache.entries()[0])
    assert stale_reason(cache.entries()[0], {KEY.onnx_sha256}) == ""
    assert cache.remove(KEY.digest) and cache.entries() == []


@pytest.mark.slow
def test_an_engine_is_not_removed_while_it_is_built(cache):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    cache.path(KEY.digest, ".json").unlink()
    process = context.Process(target=_build_slowly, args=(cache.folder, started))
    process.start()
    assert started.wait(30) and not cache.remove(KEY.digest)
    process.join(30)
    assert cache.remove(KEY.digest)


def test_an_unwritable_folder_is_an_error_of_one_line(model):
    with pytest.raises(FileError, match="cannot be written") as error:
        EngineCache(Path("/proc/engines")).get(KEY, model, must_not_build, bytes)
    assert "\n" not in str(error.value)


def test_the_default_folder_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "liploc_ros" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "liploc_ros" / "engines"


def test_a_build_logs_its_progress_and_ends_at_the_time_limit(caplog):
    caplog.set_level(logging.INFO)
    progress = BuildProgress("camera.onnx", time_limit=0.05, log_period=0.0)
    progress.start_phase("Building engine", None, 6)
    assert progress.complete_step("Building engine", 0)
    assert "building camera.onnx: step 2 of 6 (Building engine)" in caplog.messages[-1]
    time.sleep(0.06)
    assert not progress.complete_step("Building engine", 1) and progress.timed_out
