"""A folder that is whole or not there: written beside its place and renamed, with a checksum of every file."""

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from liploc_ros.errors import LiplocError


class MapError(LiplocError):
    """A map that cannot be built, written or used."""


def check_replaceable(path: Path, marker: str = "manifest.json") -> None:
    """Make sure that a result can be written to ``path``, before the work for it is done.

    Raises:
        MapError: there is something else than an earlier result, which has a file ``marker``; or no permission.
    """
    path = Path(path).absolute()
    recover(path)
    if path.exists() and not (path / marker).exists() and (not path.is_dir() or any(path.iterdir())):
        raise MapError(f"{path}: exists and has no {marker}: choose another folder")
    parent = next(folder for folder in path.parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise MapError(f"{path}: {parent} cannot be written to: choose another folder")


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Yield a fresh folder beside ``path`` that takes its place when the block ends without an error.

    A process killed inside the block leaves ``path`` as it was. Between the two renames of a replacement the old folder
    waits under ``.NAME.old``: :func:`recover` puts it back.

    Raises:
        MapError: the folder cannot be written.
    """
    path = Path(path).absolute()
    recover(path)
    _remove_leftovers(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f"{_new_prefix(path)}{os.getpid()}-", dir=path.parent))
    except OSError as error:
        raise MapError(f"{path}: cannot be written ({error.strerror}): choose another folder") from error
    try:
        yield beside
        for file in beside.iterdir():
            _sync(file)
        beside.chmod(0o755)
        _replace(path, beside)
    except OSError as error:
        raise MapError(f"{path}: cannot be written ({error.strerror}): free space or choose another folder") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def recover(path: Path) -> None:
    """Put back a folder whose replacement was killed between its two renames."""
    path = Path(path).absolute()
    if not path.exists() and _old(path).exists():
        _old(path).rename(path)


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 as hex, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _replace(path: Path, new: Path) -> None:
    """Rename ``new`` to ``path``; what was there is removed last, and put back if that fails."""
    old = _old(path)
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        recover(path)
        raise
    _sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _remove_leftovers(path: Path) -> None:
    """Remove unfinished folders of processes that were killed."""
    prefix = _new_prefix(path)
    for folder in path.parent.glob(f"{glob.escape(prefix)}*"):
        process = folder.name.removeprefix(prefix).partition("-")[0]
        if not (process.isdigit() and Path(f"/proc/{process}").exists()):
            shutil.rmtree(folder, ignore_errors=True)


def _new_prefix(path: Path) -> str:
    return f".{path.name}.new-"


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
