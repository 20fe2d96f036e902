"""``liploc engine``: build the encoders' TensorRT engines beforehand, and look after their cache."""

import logging
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.log import show_log
from liploc_ros.encoders import ModelBundle, ModelError, Precision
from liploc_ros.encoders.spec import FILES
from liploc_ros.encoders.tensorrt.bundle_engines import get_engine, keys_for_target
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.flavour import FlavourName, is_installed, load_flavour
from liploc_ros.encoders.tensorrt.stale import stale_reason

app = typer.Typer(
    help="Build the encoders' TensorRT engines, and look after their cache.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

CacheOption = Annotated[
    Path | None, typer.Option("--cache", help="Folder of the engines; ~/.cache/liploc_ros/engines when left out.")
]
ModelsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--model", help="A bundle in use, besides the package's own and those where they were; may be repeated."
    ),
]


@app.command()
def build(
    model: Annotated[Path | None, typer.Option(help="Model bundle; the package's own when left out.")] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Compute capability such as sm89, which need not be here (tensorrt_rtx alone); may be repeated; all "
            "for every one there is. The GPU that is here when left out."
        ),
    ] = None,
    backend: Annotated[
        FlavourName | None, typer.Option(help="The one that is installed when left out, tensorrt before tensorrt_rtx.")
    ] = None,
    precision: Annotated[Precision, typer.Option(help="Normalisations stay in fp32.")] = "fp16",
    cache: CacheOption = None,
    time_limit: Annotated[float, typer.Option(min=0, help="Seconds after which one engine is given up.")] = 1200.0,
) -> None:
    """Build both encoders' engines; those that are in the cache already stay as they are."""
    show_log(logging.INFO)
    bundle, store = ModelBundle.load(model), EngineCache(cache)
    flavour = load_flavour(backend or ("tensorrt" if is_installed("tensorrt") else "tensorrt_rtx"))
    targets = list(flavour.targets) if target == ["all"] else target or [""]
    if not targets:
        raise ModelError(f"--target all: {flavour.name} builds only for the GPU that is here: leave out --target")
    for wanted in targets:
        for part, key in keys_for_target(bundle.path, bundle.spec, flavour, wanted, precision).items():
            start = time.monotonic()
            size = get_engine(bundle.path / FILES[part], key, flavour, store, len, time_limit)
            took = time.monotonic() - start
            typer.echo(f"{key.digest[:12]} {part:6} {key}: {size / 1e6:.2f} MB, {took:.1f} s")
    typer.echo(f"{store.folder}")


@app.command("list")
def list_engines(model: ModelsOption = None, cache: CacheOption = None) -> None:
    """Show the engines of the cache, and which of them are of no use any more."""
    store, models = EngineCache(cache), _in_use(model)
    entries = store.entries()
    for entry in entries:
        state = stale_reason(entry, models)
        about = "unknown"
        if entry.record is not None:
            key, path = entry.record.key, Path(entry.record.model)
            about = (
                f"{path.parent.name}/{path.name}  {key}  {entry.record.size / 1e6:.2f} MB  "
                f"{_age(entry.record.created_at)} old"
            )
        typer.echo(f"{entry.digest[:12]}  {about}  {f'stale: {state}' if state else 'good'}")
    typer.echo(f"{store.folder}: {len(entries)} engines")


@app.command()
def clean(
    model: ModelsOption = None,
    cache: CacheOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove every engine, those that are good too.")] = False,
) -> None:
    """Remove the engines that are of no use any more."""
    store, models = EngineCache(cache), _in_use(model)
    removed = kept = 0
    for entry in store.entries():
        state = stale_reason(entry, models)
        if not (state or everything):
            kept += 1
        elif store.remove(entry.digest):
            removed += 1
            typer.echo(f"{entry.digest[:12]} removed: {state or 'asked for'}")
        else:
            kept += 1
            typer.echo(f"{entry.digest[:12]} kept: another process uses it")
    typer.echo(f"{store.folder}: {removed} removed, {kept} kept")


def _in_use(models: list[Path] | None) -> set[str]:
    """Return the hashes of the ONNX files of these bundles and of the package's own."""
    return {digest for path in (None, *(models or [])) for digest in ModelBundle.load(path).spec.files.values()}


def _age(since: datetime) -> str:
    seconds = (datetime.now(timezone.utc) - since).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
