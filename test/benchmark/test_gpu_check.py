# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`make gpu-check` without a GPU: what needs none runs here, the rest on a fake of CUDA and TensorRT."""

import time
from itertools import count

import pytest
from support.fake_gpu import FakeCuda, fake_flavour

main = pytest.importorskip("benchmarks.gpu.__main__", reason="the tests run outside the source tree")

from benchmarks.gpu.encoders import encoder_rows  # noqa: E402
from benchmarks.gpu.localization import localization_rows  # noqa: E402
from benchmarks.gpu.rows import Row, table_of  # noqa: E402
from liploc_ros.encoders import ModelError  # noqa: E402
from liploc_ros.encoders.tensorrt import bundle_engines, flavour, gpu  # noqa: E402


@pytest.fixture
def written(monkeypatch):
    """The sections that the check writes into docs/gpu.md."""
    sections = []
    monkeypatch.setattr(main, "write_section", lambda page, name, text: sections.append(text))
    return sections


@pytest.fixture
def fake_gpu(monkeypatch):
    cuda = FakeCuda()
    monkeypatch.setattr(gpu, "cuda_runtime", lambda: cuda)
    monkeypatch.setattr("liploc_ros.encoders.tensorrt.cuda_graph.cuda_runtime", lambda: cuda)
    monkeypatch.setattr(flavour, "is_installed", lambda name: True)
    monkeypatch.setattr(bundle_engines, "load_flavour", fake_flavour)


def test_without_a_gpu_the_check_ends_with_one_line_and_status_1(monkeypatch, written):
    def find_gpu():
        raise ModelError("no NVIDIA GPU: install the driver")

    monkeypatch.setattr(main, "find_gpu", find_gpu)
    with pytest.raises(SystemExit) as ended:
        main.main([])
    assert ended.value.code == "gpu-check: no NVIDIA GPU: install the driver (--cpu runs the parts that need no GPU)"
    assert not written


def test_on_the_cpu_encoders_localization_and_training_run_and_nothing_is_written(capsys, written):
    pytest.importorskip("torch", reason="torch is not installed: make train installs it")
    pytest.importorskip("timm")
    main.main(["--cpu", "--runs", "2", "--steps", "2"])
    table = capsys.readouterr().out.rpartition("\n\n")[2].strip().splitlines()
    tasks = [line.split(" | ")[0].split(":")[0].split(",")[0] for line in table[2:]]
    assert tasks == ["| default", "| default", "| from an image to hypotheses", "| training"]
    assert table[2].count("1.000000") == 1 and "torch CPU" in table[5] and not written


def test_every_backend_has_a_row_or_a_reason(bundle, fake_gpu, tmp_path):
    reasons = {}
    rows = list(encoder_rows("default", bundle, tmp_path, 1, True, reasons.__setitem__))
    fp32 = [row for row in rows if "fp16" not in row.backend]
    assert [row.backend for row in fp32] == 2 * ["onnxruntime CPU", "tensorrt fp32", "tensorrt_rtx fp32"]
    assert min(row.cosine for row in rows) > 0.999 and "CUDAExecutionProvider" in reasons["onnxruntime CUDA"]


def test_images_are_localized_with_an_engine(bundle, fake_gpu, demo_drive, tmp_path):
    rows = list(localization_rows(demo_drive, bundle, tmp_path, 1, True, lambda backend, reason: None))
    assert {"onnxruntime CPU", "tensorrt fp32", "tensorrt_rtx fp32"} <= {row.backend for row in rows}
    assert all(row.per_second > 0 for row in rows)


def test_a_backend_that_disagrees_is_written_and_ends_the_check_with_an_error(monkeypatch, written):
    rows = [Row("camera", "tensorrt fp16", [0.001], 1000, 0.98), Row("camera", "onnxruntime CUDA", [0.001], 1000, 1.0)]
    monkeypatch.setattr(main, "find_gpu", lambda: gpu.Gpu("NVIDIA L4", "sm89"))
    monkeypatch.setattr(main.Check, "rows", lambda self: iter(rows))
    with pytest.raises(SystemExit, match=r"1 rows disagree .* tensorrt fp16"):
        main.main([])
    assert table_of(rows) in written[0] and written[0].startswith("NVIDIA L4 (sm89)")


def test_the_check_leaves_rows_out_when_its_time_is_over(monkeypatch, written, capsys):
    monkeypatch.setattr(main, "TIME_LIMIT", 0.0)
    monkeypatch.setattr(main.Check, "rows", lambda self: (Row(f"task {i}", "CPU", [0.1], 10.0) for i in count()))
    main.main(["--cpu"])
    assert "task 0" in (text := capsys.readouterr().out) and "task 1" not in text and "the rest did not run" in text


def test_the_utilization_of_the_gpu_is_sampled_or_the_reason_is_reported(monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")
    pytest.importorskip("timm")
    from benchmarks.gpu import training

    monkeypatch.setattr(training, "SAMPLE_PERIOD", 0.001)
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: 40)
    reasons = {}
    with training.utilization(torch.device("cuda"), reasons.__setitem__) as samples:
        while not samples:
            time.sleep(0.001)
    assert {busy for _, busy in samples} == {0.4} and not reasons

    def missing(device):
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")

    monkeypatch.setattr(torch.cuda, "utilization", missing)
    with training.utilization(torch.device("cuda"), reasons.__setitem__):
        time.sleep(0.1)
    assert "nvidia-ml-py" in reasons["GPU utilization"]
