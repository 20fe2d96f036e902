# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc``: the command with all its verbs."""

import sys
from pathlib import Path

import typer

from liploc_ros import __version__
from liploc_ros.cli import (
    benchmark,
    calibrate,
    calibrate_mount,
    demo,
    doctor,
    engine,
    evaluate,
    export,
    fit_coding,
    kitti,
    localize,
    map,
    play,
    train,
)
from liploc_ros.cli.view.verb import view
from liploc_ros.errors import LiplocError

app = typer.Typer(
    help="Find where camera images were taken on a LiDAR map.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich would read a unit such as [m] as markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(map.app, name="map")
app.command("localize")(localize.localize)
app.command("play")(play.play)
app.command("view")(view)
app.add_typer(kitti.app, name="kitti")
app.command("train")(train.train)
app.command("export")(export.export)
app.command("evaluate")(evaluate.evaluate)
app.command("calibrate")(calibrate.calibrate)
app.command("calibrate-mount")(calibrate_mount.calibrate_mount)
app.command("fit-coding")(fit_coding.fit_coding)
app.command("benchmark")(benchmark.benchmark)
app.add_typer(engine.app, name="engine")


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"liploc_ros {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Find where camera images were taken on a LiDAR map."""


def _expand_home(argument: str) -> str:
    """Replace ``~/`` at the start of an argument or of its value, which a shell does not do in ``--option=~/x``."""
    option, separator, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    return option + separator + (str(Path(value).expanduser()) if value.startswith("~/") else value)


def run() -> None:
    """Run the command line. A LiplocError is shown as one line on standard error, and the exit status is 1."""
    try:
        app([_expand_home(argument) for argument in sys.argv[1:]])
    except LiplocError as error:
        typer.echo(f"liploc: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("liploc: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:  # `liploc ... | head`
        sys.exit(1)


if __name__ == "__main__":
    run()
