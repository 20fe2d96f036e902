# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Why a file or folder cannot be written, in one line."""

import errno
import os
import shutil
from pathlib import Path

from liploc_ros.errors import LiplocError

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MIN_FREE = 1 << 20  # bytes


class FileError(LiplocError):
    """A file or folder that cannot be written."""


def reason_of(error: BaseException) -> str:
    """Return in one line why an operation on a file failed. Not every OSError has an error number with a text."""
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or " ".join(str(error).split()) or type(error).__name__


def unwritable(path: Path, error: OSError) -> FileError:
    """Return the error that says in one line why ``path`` cannot be written."""
    is_full, reason = error.errno in FULL_DISK, reason_of(error)
    if error.errno is None and "requested and" in reason:  # NumPy: "100 requested and 7 written", without the cause
        is_full = _is_full(path)
        reason = os.strerror(errno.ENOSPC) if is_full else "a file could be written in part only"
    remedy = "free space, or choose another folder" if is_full else "choose another folder"
    return FileError(f"{path}: cannot be written ({reason}): {remedy}")


def existing_parent(path: Path) -> Path:
    """Return the nearest folder above an absolute path that exists.

    Raises:
        OSError: it cannot be reached.
    """
    return next(folder for folder in path.parents if folder.exists())


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(existing_parent(path.absolute())).free < MIN_FREE
    except OSError:
        return False
