# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``make encoders``: encoders on the CPU in ONNX Runtime and OpenVINO, with 1 and 2 threads, in fp32 and int8.

The encoders of the default bundle get views of the demo. ResNet-50 and ViT-S/16 have random weights: only their times
are meaningful. Int8 is ONNX Runtime's static quantization, calibrated on half of the views; the cosine with fp32 is
measured on the other half.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import onnxruntime
import openvino
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.cpu_load import times_under_load
from benchmarks.random_models import timm_onnx
from benchmarks.timing import medians_ms
from liploc_ros.datasets import Drive, open_drive
from liploc_ros.encoders import ModelBundle, camera_input
from liploc_ros.encoders.inputs import panorama_input
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity_views import parity_inputs
from liploc_ros.encoders.spec import FILES
from liploc_ros.files import write_file
from liploc_ros.package_share import share_folder
from liploc_ros.threads import limit_threads
from liploc_ros.views import CameraViewer, draw_panorama

THREADS = (1, 2)
Views = NDArray[np.float32]
VIT = "ViT-S/16, 224 x 224"


class Network(NamedTuple):
    """An ONNX file, views to calibrate its quantization, and other views to test it."""

    name: str
    path: Path
    calibration: Views
    test: Views


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, views: Views) -> None:
        self._views: Iterator[Views] = iter(views)

    def get_next(self) -> dict[str, Views] | None:
        view = next(self._views, None)
        return None if view is None else {"views": view[None]}


def main() -> None:
    """Measure all networks, write the results as JSON, and print the tables of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/encoders.json"))
    parser.add_argument("--repeats", type=int, default=40)
    args = parser.parse_args()
    limit_threads()
    logging.getLogger().setLevel(logging.ERROR)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for network in _networks(Path(folder)):
            results[network.name] = _measure(network, Path(folder), args.repeats)
            print(f"{network.name}: measured", flush=True)
    versions = {"onnxruntime": onnxruntime.__version__, "openvino": openvino.__version__}
    write_file(args.out, json.dumps(results | {"_versions": versions}, indent=2) + "\n")
    print(_table(results))
    bundle = ModelBundle.load()
    path = bundle.path / FILES["camera"]
    encoders = {f"ONNX Runtime, threads: {n}": _onnx(path, n) for n in THREADS}
    encoders[f"OpenVINO, threads: {THREADS[-1]}"] = _openvino(path, THREADS[-1])
    print(times_under_load(encoders, parity_inputs(bundle.spec, "camera")[:1]))
    print(args.out)


def _networks(folder: Path) -> Iterator[Network]:
    bundle, drive = ModelBundle.load(), open_drive(share_folder() / "demo" / "kitti_0013_excerpt.mcap")
    spec = bundle.spec
    name, mounted = next(iter(drive.cameras.items()))
    viewer = CameraViewer(spec.grid, mounted)
    images = [frame.images[name]() for frame in drive.images()]
    camera = np.stack([camera_input(viewer.draw(image), spec.inputs) for image in images])
    yield Network("default camera, 64 x 256", bundle.path / FILES["camera"], camera[::2], camera[1::2])
    panoramas = _panoramas(drive, bundle)
    yield Network("default panorama, 64 x 1232", bundle.path / FILES["lidar"], panoramas[::2], panoramas[1::2])
    mean, std = np.array(spec.inputs.camera_mean), np.array(spec.inputs.camera_std)
    scaled = np.stack([(cv2.resize(image, (224, 224)) / 255 - mean) / std for image in images])
    scaled = np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), np.float32)
    resnet, vit = timm_onnx("resnet50", folder / "resnet50.onnx"), folder / "vit.onnx"
    yield Network("ResNet-50, 224 x 224", resnet, scaled[:8:2], scaled[1:9:2])
    yield Network(VIT, timm_onnx("vit_small_patch16_224", vit), scaled[:8:2], scaled[1:9:2])


def _panoramas(drive: Drive, bundle: ModelBundle) -> Views:
    scans = [frame.read_points() for frame in drive.scans() if frame.read_points is not None]
    return np.stack([panorama_input(draw_panorama(scan, bundle.spec.grid), bundle.spec) for scan in scans])


def _measure(network: Network, folder: Path, repeats: int) -> dict[str, Any]:
    view = network.test[:1]
    expected = OnnxEncoder(network.path).encode(network.test)
    runs: dict[str, Callable[[], object]] = {}
    cosines: dict[str, float] = {}
    for precision, path in (("fp32", network.path), ("int8", _quantize(network, folder))):
        for threads in THREADS:
            for runtime, encode in (("ONNX Runtime", _onnx(path, threads)), ("OpenVINO", _openvino(path, threads))):
                key = f"{runtime} {precision} {threads}"
                runs[key] = lambda encode=encode: encode(view)  # type: ignore[misc]
                cosines[key] = _mean_cosine(np.concatenate([encode(v[None]) for v in network.test]), expected)
    times = dict(zip(runs, medians_ms(*runs.values(), repeats=repeats), strict=True))
    return {key: {"ms": round(times[key], 3), "cosine": round(cosines[key], 5)} for key in runs}


def _quantize(network: Network, folder: Path) -> Path:
    prepared, quantized = folder / "prepared.onnx", folder / f"{network.path.stem}_int8.onnx"
    quant_pre_process(str(network.path), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(quantized),
        _Reader(network.calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv", "MatMul", "Gemm"],
    )
    return quantized


def _onnx(path: Path, threads: int) -> Callable[[Views], Views]:
    return OnnxEncoder(path, threads).encode


def _openvino(path: Path, threads: int) -> Callable[[Views], Views]:
    hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", hints)
    request = compiled.create_infer_request()

    def encode(views: Views) -> Views:
        return np.array(next(iter(request.infer([views]).values())))

    return encode


def _mean_cosine(features: Views, expected: Views) -> float:
    """Return the mean cosine between corresponding features (N, D, ...)."""
    product = (features * expected).sum(axis=1)
    return float((product / (np.linalg.norm(features, axis=1) * np.linalg.norm(expected, axis=1))).mean())


def _table(results: dict[str, Any]) -> str:
    columns = [(runtime, threads) for threads in THREADS for runtime in ("ONNX Runtime", "OpenVINO")]
    titles = " | ".join(f"{runtime} {threads}" for runtime, threads in columns)
    rows = [f"| | | {titles} | cosine | to ViT-S |", f"|---|---|{'---|' * (len(columns) + 2)}"]
    vit = results[VIT][f"ONNX Runtime fp32 {THREADS[-1]}"]["ms"]
    for name, measured in results.items():
        for precision in ("fp32", "int8"):
            times = " | ".join(f"{measured[f'{runtime} {precision} {n}']['ms']:.2f} ms" for runtime, n in columns)
            onnx = measured[f"ONNX Runtime {precision} {THREADS[-1]}"]
            ratio = f"{vit / onnx['ms']:.1f} x faster"
            rows.append(f"| {name} | {precision} | {times} | {onnx['cosine']:.4f} | {ratio} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
