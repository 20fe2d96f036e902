# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Small, full and read-only file systems for tests. Mounting needs root; tests are skipped without."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount(*arguments):
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


def unmount(path: Path):
    subprocess.run(["umount", "--lazy", str(path)], capture_output=True, check=False)


@contextmanager
def small_disk(path: Path, kilobytes: int):
    """Mount an empty file system of this size at ``path``."""
    path.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "none", path)
    try:
        yield path
    finally:
        unmount(path)


@contextmanager
def read_only(path: Path):
    """Make a folder read-only, also for root."""
    mount("--bind", path, path)
    try:
        mount("-o", "remount,ro,bind", path)
        yield path
    finally:
        unmount(path)
