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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from liploc_ros.file_errors import FileError as FileError
from liploc_ros.file_errors import existing_parent
from liploc_ros.file_errors import reason_of as reason_of
from liploc_ros.file_errors import unwritable as unwritable

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def expand_path(path: Path | str) -> Path:
    """Return a path that a user gave, with a leading ``~`` replaced by the home folder.

    A shell does not replace it in quotation marks, in ``--option=~/x``, or in launch and parameter files.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # of an unknown user
        return Path(path)


def target_path(path: Path | str) -> Path:
    """Return where a file or folder is written: the absolute path, or what it links to, so that a link stays one.

    Raises:
        FileError: a folder above it cannot be read, or links form a circle.
    """
    path = expand_path(path).absolute()
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError) as error:
        raise FileError(f"{path}: cannot be reached ({reason_of(error)}): choose another path") from error


def cache_folder() -> Path:
    """Return the user's folder for what can be made again, according to the XDG base directory specification."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if Path(root).is_absolute() else Path.home() / ".cache") / "liploc_ros"


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
            with suppress(OSError):  # a file system may have become read-only, or be gone
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
    try:
        is_foreign = path.exists() and not (path / marker).exists() and (not path.is_dir() or any(path.iterdir()))
        in_the_way = _old_name(path) if os.path.lexists(_old_name(path)) and not _old_name(path).is_dir() else None
    except OSError as error:
        raise unwritable(path, error) from error
    if is_foreign:
        raise FileError(f"{path}: exists and has no {marker}: choose another folder")
    if in_the_way is not None:
        raise FileError(f"{path}: {in_the_way} is not a folder, and in the way of a replacement: remove it")
    check_writable(path)


def check_writable(path: Path) -> None:
    """Check that a file or folder can be written at ``path``, before the work for it is done.

    Raises:
        FileError: its folder, or the first parent that exists, cannot be written to.
    """
    path = target_path(path)
    parent = path.parent
    try:
        parent = existing_parent(path)
        # os.access does not know of read-only file systems for root, nor of quotas.
        Path(tempfile.mkdtemp(prefix=_new_prefix(path), dir=parent)).rmdir()
    except OSError as error:
        raise FileError(f"{path}: {parent} cannot be written to ({reason_of(error)}): choose another folder") from error


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
        replace_by_folder(path, new)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)


def replace_by_folder(path: Path, new: Path) -> None:
    """Put a finished folder, which is next to ``path``, in its place. The previous one stays until it is complete.

    Raises:
        FileError: the folder cannot be written.
    """
    path = target_path(path)
    try:
        for file in new.rglob("*"):
            _sync(file)
        new.chmod(0o755)
        _exchange(path, new)
    except OSError as error:
        raise unwritable(path, error) from error


def recover_folder(path: Path) -> None:
    """Restore a folder whose replacement was killed between its two renames.

    Raises:
        FileError: the folder cannot be renamed.
    """
    path = target_path(path)
    try:
        _recover(path)
    except OSError as error:
        raise unwritable(path, error) from error


def readable_folder(path: Path) -> Path:
    """Return where the folder ``path`` is read from, after :func:`recover_folder` where that is possible.

    On a read-only file system, a folder whose replacement was killed keeps the name ``.NAME.old``, and is read there.

    Raises:
        FileError: a folder above it cannot be read.
    """
    target = target_path(path)
    try:
        _recover(target)
    except OSError as error:
        if error.errno in READ_ONLY:
            return _old_name(target)
        raise FileError(f"{path}: cannot be read ({reason_of(error)}): check the path") from error
    return path


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


def _recover(path: Path) -> None:
    old = _old_name(path)
    if not path.exists() and old.is_dir():
        old.rename(path)


def _exchange(path: Path, new: Path) -> None:
    """Rename ``new`` to ``path``. The previous folder is removed last, and restored if the rename fails."""
    old = _old_name(path)
    if old.exists():
        _remove_old(old)
    if path.exists():
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        _recover(path)
        raise
    _sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _remove_old(old: Path) -> None:
    """Remove what an earlier replacement left.

    Raises:
        FileError: it cannot be removed.
    """
    try:
        shutil.rmtree(old)
    except OSError as error:
        raise FileError(
            f"{old}: left by an earlier replacement, cannot be removed ({reason_of(error)}): remove it"
        ) from error


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
