"""``liploc localize``: where images were taken."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from liploc_ros.cli.log import show_log
from liploc_ros.datasets import BAG_SUFFIXES, BagTopics, DatasetError, Drive, open_drive
from liploc_ros.datasets.bag.topics import DataKind
from liploc_ros.datasets.camera_file import read_camera_file
from liploc_ros.datasets.kitti.rectified_camera import OPTICAL_FRAMES
from liploc_ros.encoders import Backend, ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, yaw_of
from liploc_ros.localization import Localization, Localizer, LocalizerConfig, Status
from liploc_ros.localization.config import EncoderConfig
from liploc_ros.mapping import LidarMap
from liploc_ros.views import read_image

IMAGES: tuple[DataKind, ...] = ("images",)


class _Job(NamedTuple):
    """An image: its name, stamp [ns], and what returns its camera and its pixels, or raises a LiplocError."""

    name: str
    stamp_ns: int
    camera: Callable[[], MountedCamera]
    read: Callable[[], NDArray[np.uint8]]


class _Answer(NamedTuple):
    """What came of a job: a result or an error."""

    job: _Job
    camera: str | None
    result: Localization | LiplocError


def localize(
    map_path: Annotated[Path, typer.Argument(metavar="MAP", help="Folder of the map.")],
    images: Annotated[
        list[Path], typer.Argument(help="Image files, or a bag or KITTI raw drive for all of its images.")
    ],
    camera: Annotated[
        Path | None,
        typer.Option(
            help="Of image files: calibration YAML of camera_calibration. Its key mount may say where the camera is in "
            "the base frame: {translation: [x, y, z] in m, rotation: [x, y, z, w] of the optical frame}; without it "
            "the camera is at the base's origin and looks forward. Image files in a KITTI raw drive need none."
        ),
    ] = None,
    image_topic: Annotated[
        list[str] | None,
        typer.Option(help="Of a bag: read only this image topic; may be repeated. All cameras when left out."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model bundle; the package's own when left out.")] = None,
    backend: Annotated[
        Backend, typer.Option(help="What runs the camera encoder; auto: the fastest that works.")
    ] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with covariance, instead of a table.")
    ] = False,
) -> None:
    """Print where each image was taken: pose of the base in the map, and whether it can be trusted.

    The probability is that among all places of the map; the confidence is how often an answer that looks like this one
    is right. Both must be high for SUCCESS.

    An image that cannot be used is reported in its place; the exit status is 1 then.
    """
    show_log()
    jobs = _jobs(images, camera, image_topic or [])
    bundle = ModelBundle.load(model)
    localizer = Localizer(
        LidarMap.load(map_path, bundle), bundle, LocalizerConfig(encoder=EncoderConfig(backend=backend))
    )
    localizer.warm_up()
    answers = []
    for job in jobs:
        answers.append(_answer(localizer, job))
        if as_json:
            typer.echo(json.dumps(_as_dict(answers[-1], localizer.lidar_map)))
    errors = [answer.result for answer in answers if isinstance(answer.result, LiplocError)]
    if len(errors) == len(answers) == 1:
        raise errors[0]
    if not as_json:
        Console().print(_table(answers))
        for job, _, result in answers:
            if isinstance(result, LiplocError) or result.status is not Status.SUCCESS:
                typer.echo(f"{job.name}: {result if isinstance(result, LiplocError) else result.message}")
    if errors:
        raise DatasetError(f"{len(errors)} of {len(answers)} images cannot be used, the first: {errors[0]}")


def _jobs(paths: Sequence[Path], camera: Path | None, image_topics: Sequence[str]) -> list[_Job]:
    """Open what the paths name; image files are looked at when their turn comes.

    Raises:
        LiplocError: a recording or the calibration file cannot be read, or an option does not go with a path.
    """
    mounted = None if camera is None else read_camera_file(camera)
    jobs: list[_Job] = []
    for path in paths:
        if not path.is_dir() and path.suffix not in BAG_SUFFIXES:
            if image_topics:
                raise DatasetError(f"{path}: --image-topic is for bags: leave it out for image files")
            jobs.append(_Job(path.name, 0, partial(_camera_of, path, mounted), partial(read_image, path)))
            continue
        if mounted is not None:
            raise DatasetError(f"{path}: has its own calibration: leave out --camera, which is for image files")
        jobs += _jobs_of(open_drive(path, BagTopics(images=tuple(image_topics)), needs=IMAGES))
    return jobs


def _jobs_of(drive: Drive) -> Iterator[_Job]:
    for frame in drive.images():
        for name, read in frame.images.items():
            yield _Job(f"{frame.stamp_ns / 1e9:.3f}", frame.stamp_ns, partial(drive.cameras.__getitem__, name), read)


def _camera_of(path: Path, mounted: MountedCamera | None) -> MountedCamera:
    """Return the camera of an image file.

    Raises:
        LiplocError: no calibration was given, and the file is not in a KITTI raw drive.
    """
    if mounted is not None:
        return mounted
    folder = path.resolve().parent
    drive_folder = folder.parent.parent
    if folder.name == "data" and (drive_folder / "oxts").is_dir():
        frame_id = OPTICAL_FRAMES.get(folder.parent.name.removeprefix("image_"), "")
        cameras = _open_once(drive_folder).cameras
        if frame_id in cameras:
            return cameras[frame_id]
    read_image(path)  # a missing or damaged image is the first thing to say
    raise DatasetError(f"{path}: no calibration for this image: give --camera CALIBRATION.yaml")


_open_once = cache(open_drive)


def _answer(localizer: Localizer, job: _Job) -> _Answer:
    mounted = None
    result: Localization | LiplocError
    try:
        mounted = job.camera()
        result = localizer.localize(job.read(), mounted, job.stamp_ns)
    except LiplocError as error:
        result = error
    return _Answer(job, mounted.frame_id if mounted else None, result)


def _table(answers: Sequence[_Answer]) -> Table:
    table = Table(
        Column("image", overflow="fold"),
        r"x \[m]",
        r"y \[m]",
        "heading\n\\[deg]",
        "prob.",
        "conf.",
        Column("status", no_wrap=True, min_width=13),
        "latency\n\\[ms]",
        padding=(0, 0, 0, 1),  # with names that are stamps it fits into 80 columns
    )
    for job, _, result in answers:
        if isinstance(result, LiplocError):
            table.add_row(escape(job.name), "", "", "", "", "", "ERROR", "")
            continue
        best = result.best
        pose = (
            ("", "", "", "", "")
            if best is None
            else (
                f"{best.T_map_base[0, 3]:.2f}",
                f"{best.T_map_base[1, 3]:.2f}",
                f"{np.rad2deg(yaw_of(best.T_map_base)):.1f}",
                f"{best.probability:.3f}",
                f"{best.confidence:.3f}",
            )
        )
        table.add_row(escape(job.name), *pose, result.status.name, f"{result.latency_ms:.1f}")
    return table


def _as_dict(answer: _Answer, lidar_map: LidarMap) -> dict[str, object]:
    about: dict[str, object] = {
        "image": answer.job.name,
        "stamp_ns": answer.job.stamp_ns,
        "camera": answer.camera,
        "map_frame": lidar_map.manifest.map_frame,
        "base_frame": lidar_map.manifest.base_frame,
    }
    result = answer.result
    if isinstance(result, LiplocError):
        return {**about, "error": str(result)}
    return {
        **about,
        "status": result.status.name,
        "message": result.message,
        "latency_ms": round(result.latency_ms, 3),
        "hypotheses": [
            {
                "T_map_base": h.T_map_base.tolist(),
                "covariance": h.covariance.tolist(),
                "score": h.score,
                "probability": h.probability,
                "confidence": h.confidence,
                "place_id": h.place_id,
            }
            for h in result.hypotheses
        ],
    }
