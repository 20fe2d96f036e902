"""``make encoders``: encoders on the CPU, ONNX Runtime against OpenVINO, threads and int8, in one run.

The default bundle's encoders see real views of the demo; ResNet-50 and ViT-S/16 have random weights and tell only
times. The int8 networks are those of ONNX Runtime's static quantisation, calibrated on half of the views; their cosine
with the whole network is of the other half.
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

from benchmarks.busy import beside_others
from benchmarks.random_models import timm_onnx
from benchmarks.timing import medians_ms
from liploc_ros.datasets import Drive, open_drive
from liploc_ros.encoders import ModelBundle, camera_input
from liploc_ros.encoders.inputs import panorama_input
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.real_views import real_inputs
from liploc_ros.encoders.spec import FILES
from liploc_ros.package_share import share_folder
from liploc_ros.views import CameraViewer, draw_panorama

THREADS = (1, 2)
Views = NDArray[np.float32]
VIT = "ViT-S/16, 224 x 224"


class Case(NamedTuple):
    """A network, views to calibrate it on, and others to compare on."""

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
    """Run it all, write the results and print the table of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/encoders.json"))
    parser.add_argument("--repeats", type=int, default=40)
    args = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        for case in _cases(Path(name)):
            results[case.name] = _measure(case, Path(name), args.repeats)
            print(f"{case.name}: done", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    versions = {"onnxruntime": onnxruntime.__version__, "openvino": openvino.__version__}
    args.out.write_text(json.dumps(results | {"_versions": versions}, indent=2) + "\n")
    print(_table(results))
    bundle = ModelBundle.load()
    path = bundle.path / FILES["camera"]
    encoders = {f"ONNX Runtime, threads: {n}": _onnx(path, n) for n in THREADS}
    encoders[f"OpenVINO, threads: {THREADS[-1]}"] = _openvino(path, THREADS[-1])
    print(beside_others(encoders, real_inputs(bundle.spec, "camera")[:1]))
    print(args.out)


def _cases(folder: Path) -> Iterator[Case]:
    bundle, drive = ModelBundle.load(), open_drive(share_folder() / "demo" / "kitti_0013_excerpt.mcap")
    spec = bundle.spec
    name, mounted = next(iter(drive.cameras.items()))
    viewer = CameraViewer(spec.grid, mounted)
    images = [frame.images[name]() for frame in drive.images()]
    camera = np.stack([camera_input(viewer.draw(image), spec.inputs) for image in images])
    yield Case("default camera, 64 x 256", bundle.path / FILES["camera"], camera[::2], camera[1::2])
    panoramas = _panoramas(drive, bundle)
    yield Case("default panorama, 64 x 1232", bundle.path / FILES["lidar"], panoramas[::2], panoramas[1::2])
    mean, std = np.array(spec.inputs.camera_mean), np.array(spec.inputs.camera_std)
    small = np.stack([(cv2.resize(image, (224, 224)) / 255 - mean) / std for image in images])
    small = np.ascontiguousarray(small.transpose(0, 3, 1, 2), np.float32)
    yield Case("ResNet-50, 224 x 224", timm_onnx("resnet50", folder / "resnet50.onnx"), small[:8:2], small[1:9:2])
    yield Case(VIT, timm_onnx("vit_small_patch16_224", folder / "vit.onnx"), small[:8:2], small[1:9:2])


def _panoramas(drive: Drive, bundle: ModelBundle) -> Views:
    scans = [frame.read_points() for frame in drive.scans() if frame.read_points is not None]
    return np.stack([panorama_input(draw_panorama(scan, bundle.spec.grid), bundle.spec) for scan in scans])


def _measure(case: Case, folder: Path, repeats: int) -> dict[str, Any]:
    whole, int8 = case.path, _quantized(case, folder)
    view = case.test[:1]
    expected = OnnxEncoder(whole).encode(case.test)
    runs: dict[str, Callable[[], object]] = {}
    cosines: dict[str, float] = {}
    for precision, path in (("fp32", whole), ("int8", int8)):
        for threads in THREADS:
            for runtime, encode in (("ONNX Runtime", _onnx(path, threads)), ("OpenVINO", _openvino(path, threads))):
                key = f"{runtime} {precision} {threads}"
                runs[key] = lambda encode=encode: encode(view)  # type: ignore[misc]
                cosines[key] = _cosine(np.concatenate([encode(v[None]) for v in case.test]), expected)
    times = dict(zip(runs, medians_ms(*runs.values(), repeats=repeats), strict=True))
    return {key: {"ms": round(times[key], 3), "cosine": round(cosines[key], 5)} for key in runs}


def _quantized(case: Case, folder: Path) -> Path:
    ready, out = folder / "ready.onnx", folder / f"{case.path.stem}_int8.onnx"
    quant_pre_process(str(case.path), str(ready), skip_symbolic_shape=True)
    quantize_static(
        str(ready),
        str(out),
        _Reader(case.calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv", "MatMul", "Gemm"],
    )
    return out


def _onnx(path: Path, threads: int) -> Callable[[Views], Views]:
    return OnnxEncoder(path, threads).encode


def _openvino(path: Path, threads: int) -> Callable[[Views], Views]:
    hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", hints)
    request = compiled.create_infer_request()

    def encode(views: Views) -> Views:
        return np.array(next(iter(request.infer([views]).values())))

    return encode


def _cosine(cells: Views, expected: Views) -> float:
    """Return the mean cosine of two cells, or of two embeddings."""
    product = (cells * expected).sum(axis=1)
    return float((product / (np.linalg.norm(cells, axis=1) * np.linalg.norm(expected, axis=1))).mean())


def _table(results: dict[str, Any]) -> str:
    heads = [f"{runtime} {threads}" for threads in THREADS for runtime in ("ONNX Runtime", "OpenVINO")]
    rows = [f"| | | {' | '.join(heads)} | cosine | to ViT-S |", f"|---|---|{'---|' * (len(heads) + 2)}"]
    vit = results[VIT][f"ONNX Runtime fp32 {THREADS[-1]}"]["ms"]
    for name, cells in results.items():
        for precision in ("fp32", "int8"):
            row = [cells[f"{h.rsplit(' ', 1)[0]} {precision} {h.rsplit(' ', 1)[1]}"] for h in heads]
            mine = cells[f"ONNX Runtime {precision} {THREADS[-1]}"]
            times = " | ".join(f"{cell['ms']:.2f} ms" for cell in row)
            ratio = f"{vit / mine['ms']:.1f} x faster"
            rows.append(f"| {name} | {precision} | {times} | {mine['cosine']:.4f} | {ratio} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
