"""Engines of TensorRT in their cache, and the choice of a backend, without TensorRT and without a GPU."""

import logging
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from liploc_ros.encoders import BackendSettings, Encoders, ModelError
from liploc_ros.encoders.backends import open_encoder
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import check_parity, min_cosine
from liploc_ros.encoders.real_views import real_inputs
from liploc_ros.encoders.tensorrt import engines, gpu, module
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache, default_folder
from liploc_ros.encoders.tensorrt.engine_key import EngineKey, Profile, profile_of
from liploc_ros.encoders.tensorrt.gpu import Gpu
from liploc_ros.encoders.tensorrt.progress import Progress
from liploc_ros.encoders.tensorrt.stale import why_stale

PLAN = b"a plan" * 100
KEY = EngineKey(
    onnx="0" * 64,
    flavour="tensorrt_rtx",
    version="1.0",
    gpu="",
    capability="sm89",
    precision="fp16",
    profile=Profile(least=(1, 3, 64, 256), usual=(1, 3, 64, 256), most=(8, 3, 64, 256)),
    workspace=1 << 30,
    flags=("strongly typed",),
)
OTHER = {
    "onnx": "1" * 64,
    "flavour": "tensorrt",
    "version": "1.1",
    "gpu": "NVIDIA L4",
    "capability": "sm86",
    "precision": "fp32",
    "profile": Profile(least=(1, 3, 64, 256), usual=(1, 3, 64, 256), most=(4, 3, 64, 256)),
    "workspace": 1 << 29,
    "flags": (),
}


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "camera.onnx"
    path.write_bytes(b"a network")
    return path


@pytest.fixture
def built(cache, model):
    cache.get(KEY, model, lambda: PLAN, bytes)
    return cache


def never():
    raise AssertionError("an engine is built that is there")


@pytest.mark.parametrize("field", EngineKey.model_fields)
def test_every_field_of_the_key_gives_another_engine(field, built, model):
    other = KEY.model_copy(update={field: OTHER[field]})
    assert other.digest != KEY.digest
    assert built.get(other, model, lambda: b"another", bytes) == b"another"
    assert built.get(KEY, model, never, bytes) == PLAN


def test_an_engine_is_built_once(built, model):
    assert built.get(KEY, model, never, bytes) == PLAN
    assert EngineCache(built.folder).get(KEY, model, never, bytes) == PLAN


def _build_slowly(folder, started, together=None):
    def build():
        with (folder / "builds").open("a") as file:
            file.write("x")
        started.set()
        time.sleep(0.5)
        return PLAN

    if together is not None:
        together.wait()
    assert EngineCache(folder).get(KEY, folder / "camera.onnx", build, bytes) == PLAN


def test_of_two_processes_that_start_together_one_builds(tmp_path):
    context = multiprocessing.get_context("spawn")
    arguments = (tmp_path, context.Event(), context.Barrier(2))
    both = [context.Process(target=_build_slowly, args=arguments) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(30)
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / "builds").read_text() == "x"


def test_a_process_killed_while_it_builds_leaves_nothing_and_the_next_one_builds(tmp_path):
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


def test_a_process_killed_while_it_writes_leaves_no_engine(built, model):
    """Whatever of the files is there: a half plan beside its place, or a whole one without its record."""
    built.path(KEY.digest, ".json").unlink()
    (built.folder / f".{KEY.digest}.plan.new").write_bytes(PLAN[:10])
    assert built.get(KEY, model, lambda: b"new", bytes) == b"new"
    assert [entry.fault for entry in built.entries()] == [""]


def truncate(built):
    built.path(KEY.digest, ".plan").write_bytes(PLAN[:-1])


def flip_a_byte(built):
    built.path(KEY.digest, ".plan").write_bytes(b"b" + PLAN[1:])


def put_another_in_its_place(built):
    other = KEY.model_copy(update={"capability": "sm75"})
    built.get(other, built.folder / "camera.onnx", lambda: b"foreign", bytes)
    for suffix in (".plan", ".json"):
        built.path(other.digest, suffix).replace(built.path(KEY.digest, suffix))


def damage_the_record(built):
    built.path(KEY.digest, ".json").write_text("{")


def lose_the_plan(built):
    built.path(KEY.digest, ".plan").unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncate, "truncated: 599 of 600 bytes"),
        (flip_a_byte, "its checksum is another"),
        (put_another_in_its_place, r"foreign: it was built for .*sm75"),
        (damage_the_record, r"json is damaged"),
        (lose_the_plan, r"plan cannot be read"),
    ],
)
def test_a_damaged_engine_is_built_again_and_the_log_says_why(built, model, caplog, damage, reason):
    damage(built)
    assert built.entries()[0].fault
    assert built.get(KEY, model, lambda: b"new", bytes) == b"new"
    assert caplog.messages and caplog.messages[-1].endswith("building it again")
    with pytest.raises(ModelError, match=reason):
        raise ModelError(caplog.messages[-1])


def test_an_engine_that_the_runtime_refuses_is_built_again(built, model, caplog):
    def use(plan):
        if plan == PLAN:
            raise ModelError("not for this driver")
        return plan

    assert built.get(KEY, model, lambda: b"new", use) == b"new"
    assert "refused: not for this driver" in caplog.text


def test_an_engine_is_stale_when_its_model_changes(built, model, monkeypatch):
    monkeypatch.setattr("liploc_ros.encoders.tensorrt.stale.is_installed", lambda name: False)
    assert "has changed" in why_stale(built.entries()[0])  # the key's hash is of another file
    model.unlink()
    assert "is gone" in why_stale(built.entries()[0])
    assert why_stale(built.entries()[0], {KEY.onnx}) == ""
    assert built.remove(KEY.digest) and built.entries() == []


def test_an_engine_that_is_being_built_is_not_removed(built):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    built.path(KEY.digest, ".json").unlink()
    process = context.Process(target=_build_slowly, args=(built.folder, started))
    process.start()
    assert started.wait(30) and not built.remove(KEY.digest)
    process.join(30)
    assert built.remove(KEY.digest)


def test_a_folder_that_cannot_be_written_is_one_clear_line(model):
    with pytest.raises(ModelError, match="cannot be written"):
        EngineCache(Path("/proc/engines")).get(KEY, model, never, bytes)


def test_engines_lie_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "liploc_ros" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "liploc_ros" / "engines"


def test_a_build_tells_how_far_it_is_and_ends_at_the_limit(caplog):
    caplog.set_level(logging.INFO)
    progress = Progress("camera.onnx", limit=0.05, period=0.0)
    progress.begin("Building engine", None, 6)
    assert progress.step("Building engine", 0)
    assert "building camera.onnx: step 2 of 6 (Building engine)" in caplog.messages[-1]
    time.sleep(0.06)
    assert not progress.step("Building engine", 1) and progress.timed_out


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(module, "is_installed", lambda name: False)


def test_auto_without_tensorrt_takes_onnx_and_says_why(nothing_installed, bundle):
    encoder, reason = Encoders(bundle, BackendSettings("auto")).camera_choice
    assert encoder.runtime == "onnxruntime CPU"
    assert "the only one that works here" in reason and "module tensorrt_rtx is not installed" in reason


@pytest.mark.parametrize(
    ("backend", "remedy"), [("tensorrt", "pip install tensorrt,"), ("tensorrt_rtx", "pip install tensorrt-rtx-cu12")]
)
def test_a_backend_asked_for_by_name_is_never_replaced_in_silence(nothing_installed, bundle, backend, remedy):
    with pytest.raises(ModelError, match=remedy):
        _ = bundle.encoders(backend=backend).camera


def test_without_a_gpu_a_backend_asked_for_by_name_says_so(monkeypatch, bundle):
    def find_gpu():
        raise ModelError("no NVIDIA GPU")

    monkeypatch.setattr(module, "is_installed", lambda name: True)
    monkeypatch.setattr(engines, "find_gpu", find_gpu)
    with pytest.raises(ModelError, match="no NVIDIA GPU"):
        _ = bundle.encoders(backend="tensorrt_rtx").camera


def test_a_package_of_stubs_is_no_tensorrt(tmp_path, monkeypatch):
    (tmp_path / "tensorrt").mkdir()
    (tmp_path / "tensorrt" / "__init__.pyi").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert not module.is_installed("tensorrt")


def test_the_real_views_are_those_of_the_bundle(bundle):
    spec = bundle.spec
    for part in ("camera", "lidar"):
        views = real_inputs(spec, part)
        profile = profile_of(spec, part)
        assert len(views) == 2 and profile.holds(views.shape) and views.std() > 0.5
        features = OnnxEncoder(bundle.path / f"{part}.onnx").encode(views)
        assert features.shape[1] == spec.channels


def test_half_precision_agrees_with_single(bundle, tmp_path):
    """ONNX Runtime computes the very network that is compiled in half precision, on a CPU."""
    pytest.importorskip("onnx", reason="onnx is not installed: make test-rtx installs it")
    from liploc_ros.encoders.tensorrt.fp16 import in_half_precision

    for part in ("camera", "lidar"):
        path = tmp_path / f"{part}.onnx"
        path.write_bytes(in_half_precision(bundle.path / f"{part}.onnx"))
        whole, views = OnnxEncoder(bundle.path / f"{part}.onnx"), real_inputs(bundle.spec, part)
        assert path.stat().st_size < 0.7 * (bundle.path / f"{part}.onnx").stat().st_size
        assert check_parity(OnnxEncoder(path), whole, views) > 0.9995


def test_a_backend_that_computes_something_else_is_refused(bundle):
    encoder, views = OnnxEncoder(bundle.path / "camera.onnx"), real_inputs(bundle.spec, "camera")

    class Off(OnnxEncoder):
        def encode(self, views):
            return super().encode(views) + 0.02 * np.sign(views[:, :1, ::8, ::8])

    with pytest.raises(ModelError, match=r"least cosine .* is 0\.\d+, below 0\.999: take precision fp32"):
        check_parity(Off(bundle.path / "camera.onnx"), encoder, views)
    assert min_cosine(np.full((1, 2, 1, 1), np.nan, np.float32), np.ones((1, 2, 1, 1), np.float32)) == -1


def test_several_cameras_go_through_the_encoder_together(bundle, demo_image, demo_camera):
    encoders = bundle.encoders()
    view = encoders.viewer(demo_camera).draw(demo_image)
    dark = encoders.viewer(demo_camera).draw(demo_image // 2)
    both = encoders.encode_cameras([view, dark])
    for features, one in zip(both, (view, dark), strict=True):
        assert np.allclose(features, encoders.encode_camera(one), atol=1e-5)


def test_closed_encoders_encode_no_more(bundle):
    encoders, views = bundle.encoders(), real_inputs(bundle.spec, "camera")
    encoders.camera.encode(views)
    encoders.close()
    with pytest.raises(ModelError, match="were closed"):
        encoders.camera.encode(views)


class TestOnAPretendedGpu:
    """The program around an engine; ONNX Runtime and host memory play TensorRT and CUDA, no proof of a GPU."""

    @pytest.fixture(params=["tensorrt", "tensorrt_rtx"])
    def pretended(self, request, monkeypatch, bundle, tmp_path):
        from support.pretended_gpu import PretendedCuda, pretended_flavour

        cuda = PretendedCuda()
        monkeypatch.setattr(gpu, "cuda_runtime", lambda: cuda)
        monkeypatch.setattr("liploc_ros.encoders.tensorrt.cuda_graph.cuda_runtime", lambda: cuda)
        flavour = pretended_flavour(request.param)
        monkeypatch.setattr(module, "is_installed", lambda name: name == request.param)
        monkeypatch.setattr(engines, "load_flavour", lambda name: flavour)
        return bundle, BackendSettings(request.param, "fp32", cache=tmp_path), cuda

    def test_an_engine_gives_the_cells_of_onnx_runtime(self, pretended):
        bundle, settings, _ = pretended
        encoders = Encoders(bundle, settings)
        for part in ("camera", "lidar"):
            encoder, reason = getattr(encoders, f"{part}_choice")
            expected, views = OnnxEncoder(bundle.path / f"{part}.onnx"), real_inputs(bundle.spec, part)
            for batch in (views, views[:1], views[:1], views, np.concatenate([views] * 6)):
                assert np.allclose(encoder.encode(batch), expected.encode(batch), atol=1e-4)
            assert "cosine with ONNX Runtime 1.0" in reason and settings.backend in encoder.runtime

    def test_memory_is_allocated_once_and_freed(self, pretended):
        bundle, settings, cuda = pretended
        encoders, views = Encoders(bundle, settings), real_inputs(bundle.spec, "camera")
        encoder = encoders.camera
        held = dict(cuda.held)
        for _ in range(3):
            encoder.encode(views)
        assert cuda.held == held and len(held) == 4
        encoders.close()
        assert not cuda.held and not cuda.streams and not cuda.graphs
        with pytest.raises(ModelError, match="was closed"):
            encoder.encode(views)

    def test_of_tensorrt_a_graph_is_recorded_for_each_shape(self, pretended):
        bundle, settings, cuda = pretended
        encoder, views = Encoders(bundle, settings).camera, real_inputs(bundle.spec, "camera")
        for _ in range(3):
            encoder.encode(views)
            encoder.encode(views[:1])
        assert len(cuda.graphs) == (2 if settings.backend == "tensorrt" else 0)
        assert cuda.launches == (5 if settings.backend == "tensorrt" else 0)

    def test_what_rtx_compiled_is_kept_for_the_next_start(self, pretended):
        bundle, settings, _ = pretended
        _ = Encoders(bundle, settings).camera
        kept = list(settings.cache.glob("*.jit"))
        assert len(kept) == (1 if settings.backend == "tensorrt_rtx" else 0)

    def test_views_of_another_size_are_refused(self, pretended):
        bundle, settings, _ = pretended
        with pytest.raises(ModelError, match=r"views of shape \(1, 3, 64, 128\), built for"):
            Encoders(bundle, settings).camera.encode(np.zeros((1, 3, 64, 128), np.float32))

    def test_auto_measures_and_says_what_is_fastest(self, pretended):
        bundle, settings, cuda = pretended
        encoder, reason = Encoders(bundle, BackendSettings("auto", "fp32", cache=settings.cache)).camera_choice
        assert f"{encoder.runtime}: the fastest of {settings.backend}" in reason and "onnxruntime CPU" in reason
        assert bool(cuda.held) == (encoder.runtime != "onnxruntime CPU")

    def test_an_engine_that_disagrees_is_refused_and_freed(self, pretended, monkeypatch):
        bundle, settings, cuda = pretended
        cuda.wrong = True
        with pytest.raises(ModelError, match=r"below 0\.999"):
            _ = Encoders(bundle, settings).camera
        assert not cuda.held

    def test_a_full_gpu_is_one_clear_line(self, pretended):
        bundle, settings, cuda = pretended
        cuda.free = 100
        with pytest.raises(ModelError, match="cudaMalloc: cudaErrorMemoryAllocation: the GPU's memory is full"):
            _ = Encoders(bundle, settings).camera
        assert not cuda.held and not cuda.streams


def test_the_pretended_gpu_is_named_by_its_capability(monkeypatch):
    from support.pretended_gpu import PretendedCuda

    monkeypatch.setattr(gpu, "cuda_runtime", PretendedCuda)
    assert gpu.find_gpu() == Gpu("Pretended GPU", "sm89")


@pytest.mark.parametrize("backend", ["onnx", "auto"])
def test_onnx_runtime_on_a_gpu_that_disagrees_is_left_for_the_cpu(bundle, monkeypatch, backend, tmp_path):
    class Pretended(OnnxEncoder):
        def __init__(self, path, threads=0, device="cpu"):
            super().__init__(path, threads)
            self.runtime = f"onnxruntime {device.upper()}"

        def encode(self, views):
            features = super().encode(views)
            return features[..., ::-1] if self.runtime.endswith("CUDA") else features

    monkeypatch.setattr("liploc_ros.encoders.backends.OnnxEncoder", Pretended)
    choice = open_encoder(bundle.path, bundle.spec, "camera", BackendSettings(backend, cache=tmp_path))
    assert choice.encoder.runtime == "onnxruntime CPU" and "cosine" in choice.reason
