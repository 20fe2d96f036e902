# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Python and the packages that the library needs."""

import importlib.util
import platform
from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement

from liploc_ros import __version__
from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, error, ok

SHOWN = ("numpy", "onnxruntime", "faiss-cpu", "opencv-python-headless")
MODULES = ("cv2", "faiss", "numpy", "onnxruntime", "pydantic", "rosbags", "scipy", "typer", "yaml")
"""Checked where Python does not know the requirements: after colcon build."""


def check_packages(examination: Examination) -> Iterable[Finding]:
    """Compare the installed versions with those that this version needs."""
    name = f"liploc_ros {__version__}, Python {platform.python_version()}"
    try:
        lines = metadata.requires("liploc_ros") or []
    except metadata.PackageNotFoundError:
        missing = [module for module in MODULES if importlib.util.find_spec(module) is None]
        if missing:
            yield error(f"{name}: not installed: {', '.join(missing)}", "install them as docs/install.md says")
        else:
            yield ok(f"{name}: {len(MODULES)} packages found (versions are not declared in a colcon workspace)")
        return
    needed = [requirement for requirement in map(Requirement, lines) if _applies(requirement)]
    wrong = 0
    for requirement in needed:
        installed = _installed(requirement.name)
        if installed and requirement.specifier.contains(installed, prereleases=True):
            continue
        wrong += 1
        has = f"{requirement.name} {installed} is installed" if installed else f"{requirement.name} is not installed"
        yield error(f"{has}, {requirement.specifier or 'any version'} is needed", f"pip install '{requirement}'")
    if not wrong:
        shown = ", ".join(f"{package} {version}" for package in SHOWN if (version := _installed(package)))
        yield ok(f"{name}: all {len(needed)} packages fit ({shown})")


def _applies(requirement: Requirement) -> bool:
    """Return whether a requirement holds here, without extras."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
