# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Files and folders that are complete or absent, and hashes of files.

Whatever the library writes goes through :func:`write_file` or :func:`replace_folder`: a process that is killed, or a
disk that is full, leaves the previous version.
"""

import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from liploc_ros.errors import LiplocError


class FileError(LiplocError):
    """A file or folder that cannot be written."""


def expand_path(path: Path | str) -> Path:
    """Return a path that a user gave, with a leading ``~`` replaced by the home folder.

    A shell does not replace it in quotation marks, in ``--option=~/x``, or in launch and parameter files.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # of an unknown user
        return Path(path)


def target_path(path: Path | str) -> Path:
    """Return where a file or folder is written: the absolute path, or what it links to, so that a link stays one."""
    path = expand_path(path).absolute()
    return path.resolve() if path.is_symlink() else path


def write_file(path: Path, data: bytes | str) -> None:
    """Write a file atomically; the previous version stays until the new one is on disk.

    Raises:
        FileError: it cannot be written.
    """
    with open_atomic(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def open_atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file next to ``path`` that takes its name when the block ends without an error.

    Missing parent folders are created.

    Raises:
        FileError: it cannot be written.
    """
    path = target_path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            yield file
        replace_file(temporary, path)
        temporary = None
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def replace_file(temporary: Path, path: Path) -> None:
    """Give a finished file on the same file system the name ``path``, after its content is on disk.

    Raises:
        FileError: it cannot be written.
    """
    try:
        _sync(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> FileError:
    """Return the error that says in one line why ``path`` cannot be written."""
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    remedy = "free space, or choose another folder" if error.errno == errno.ENOSPC else "choose another folder"
    return FileError(f"{path}: cannot be written ({reason}): {remedy}")


def check_replaceable(path: Path, marker: str) -> None:
    """Check that a folder can be written at ``path``, before the work for it is done.

    Args:
        path: the folder; it may be absent, empty, or an earlier result.
        marker: the file by which an earlier result is recognized.

    Raises:
        FileError: something else is there, or its parent cannot be written.
    """
    path = target_path(path)
    recover_folder(path)
    if path.exists() and not (path / marker).exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileError(f"{path}: exists and has no {marker}: choose another folder")
    check_writable(path)


def check_writable(path: Path) -> None:
    """Check that a file or folder can be written at ``path``, before the work for it is done.

    Raises:
        FileError: its folder, or the first parent that exists, cannot be written to.
    """
    path = target_path(path)
    parent = next(folder for folder in path.parents if folder.exists())
    try:
        # os.access does not know of read-only file systems for root, nor of quotas.
        Path(tempfile.mkdtemp(prefix=_new_prefix(path), dir=parent)).rmdir()
    except OSError as error:
        raise FileError(f"{path}: {parent} cannot be written to ({error.strerror}): choose another folder") from error


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder next to ``path`` that replaces it when the block ends without an error.

    Until then the previous folder stays. During the replacement, which takes two renames, the previous folder is called
    ``.NAME.old``; :func:`recover_folder` restores it if the process was killed between the two.

    Raises:
        FileError: the folder cannot be written.
    """
    path = target_path(path)
    new: Path | None = None
    try:
        recover_folder(path)
        _remove_abandoned(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f"{_new_prefix(path)}{os.getpid()}-", dir=path.parent))
        yield new
        for file in new.rglob("*"):
            _sync(file)
        new.chmod(0o755)
        _exchange(path, new)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Restore a folder whose replacement was killed between its two renames.

    Raises:
        FileError: the folder cannot be renamed.
    """
    path = target_path(path)
    old = _old_name(path)
    if not path.exists() and old.exists():
        try:
            old.rename(path)
        except OSError as error:
            raise unwritable(path, error) from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex; the file is read in blocks.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _exchange(path: Path, new: Path) -> None:
    """Rename ``new`` to ``path``. The previous folder is removed last, and restored if the rename fails."""
    old = _old_name(path)
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        recover_folder(path)
        raise
    _sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _remove_abandoned(path: Path) -> None:
    """Remove unfinished folders of processes that were killed."""
    prefix = _new_prefix(path)
    for folder in path.parent.glob(f"{glob.escape(prefix)}*"):
        process = folder.name.removeprefix(prefix).partition("-")[0]
        if not (process.isdigit() and Path(f"/proc/{process}").exists()):
            shutil.rmtree(folder, ignore_errors=True)


def _new_prefix(path: Path) -> str:
    return f".{path.name}.new-"


def _old_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
