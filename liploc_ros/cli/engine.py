# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc engine``: build the encoders' TensorRT engines and manage their cache."""

import logging
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import Flavour, ModelOption, Precision
from liploc_ros.cli.terminal import start_work

app = typer.Typer(
    help="Build TensorRT engines of the encoders; manage their cache.", no_args_is_help=True, rich_markup_mode=None
)

CacheOption = Annotated[
    Path | None, typer.Option("--cache", help="Folder of the engines. Default: ~/.cache/liploc_ros/engines.")
]
ModelsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        help="A bundle that is in use, in addition to the package's own and to bundles at the path that an engine was "
        "built from. Can be repeated.",
    ),
]


@app.command()
def build(
    model: ModelOption = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="GPU of the vehicle by its compute capability, such as sm89. tensorrt_rtx builds for GPUs that are "
            "not present: one 'portable' engine from Ampere to Blackwell, and one for Turing, sm75. Can be repeated; "
            "'all' builds both. Default: the GPU of this machine."
        ),
    ] = None,
    backend: Annotated[
        Flavour | None, typer.Option(help="Default: the one that is installed, tensorrt before tensorrt_rtx.")
    ] = None,
    precision: Annotated[Precision, typer.Option(help="Normalisation layers stay in fp32.")] = "fp16",
    cache: CacheOption = None,
    time_limit: Annotated[float, typer.Option(min=0, help="Maximum time to build one engine [s].")] = 1200.0,
) -> None:
    """Build the engines of both encoders. Engines that are in the cache are kept."""
    start_work(logging.INFO)
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.encoders.spec import ONNX_FILES
    from liploc_ros.encoders.tensorrt.bundle_engines import get_engine, keys_for_target
    from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
    from liploc_ros.encoders.tensorrt.engine_target import requested_targets
    from liploc_ros.encoders.tensorrt.flavour import check_installed, is_installed, load_flavour

    bundle, store = ModelBundle.load(model), EngineCache(cache)
    name: Flavour = backend or ("tensorrt" if is_installed("tensorrt") else "tensorrt_rtx")
    check_installed(name)
    targets = requested_targets(name, target or ())  # refuses a GPU before the library is loaded
    flavour = load_flavour(name)
    for engine_target in targets:
        for part, key in keys_for_target(bundle.path, bundle.spec, flavour, engine_target, precision).items():
            start = time.monotonic()
            size = get_engine(bundle.path / ONNX_FILES[key.precision][part], key, flavour, store, len, time_limit)
            seconds = time.monotonic() - start
            typer.echo(f"{key.digest[:12]} {part:6} {key}: {size / 1e6:.2f} MB, {seconds:.1f} s")
    typer.echo(f"{store.folder}")


@app.command("list")
def list_engines(model: ModelsOption = None, cache: CacheOption = None) -> None:
    """Show the engines of the cache and which of them are stale."""
    from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
    from liploc_ros.encoders.tensorrt.stale import stale_reason

    store, models = EngineCache(cache), _model_hashes(model)
    entries = store.entries()
    for entry in entries:
        reason = stale_reason(entry, models)
        description = "unknown"
        if entry.record is not None:
            key, path = entry.record.key, Path(entry.record.model)
            description = (
                f"{path.parent.name}/{path.name}  {key}  {entry.record.size / 1e6:.2f} MB  "
                f"{_age(entry.record.created_at)} old"
            )
        typer.echo(f"{entry.digest[:12]}  {description}  {f'stale: {reason}' if reason else 'good'}")
    typer.echo(f"{store.folder}: {len(entries)} engines")


@app.command()
def clean(
    model: ModelsOption = None,
    cache: CacheOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all engines, not only stale ones.")] = False,
) -> None:
    """Remove stale engines."""
    from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
    from liploc_ros.encoders.tensorrt.stale import stale_reason

    store, models = EngineCache(cache), _model_hashes(model)
    removed = kept = 0
    for entry in store.entries():
        reason = stale_reason(entry, models)
        if not (reason or everything):
            kept += 1
        elif store.remove(entry.digest):
            removed += 1
            typer.echo(f"{entry.digest[:12]} removed: {reason or '--all'}")
        else:
            kept += 1
            typer.echo(f"{entry.digest[:12]} kept: another process uses it")
    typer.echo(f"{store.folder}: {removed} removed, {kept} kept")


def _model_hashes(bundles: list[Path] | None) -> set[str]:
    """Return the hashes of the ONNX files of these bundles and of the package's own."""
    from liploc_ros.encoders import ModelBundle

    return {digest for path in (None, *(bundles or [])) for digest in ModelBundle.load(path).spec.files.values()}


def _age(since: datetime) -> str:
    seconds = (datetime.now(timezone.utc) - since).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
