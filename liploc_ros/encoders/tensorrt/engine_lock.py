# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A lock between the processes that share a cache of engines."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.files import unwritable

LOG = logging.getLogger(__name__)
LOG_PERIOD = 5.0  # s, between two messages while waiting


@contextmanager
def engine_lock(path: Path, timeout: float, holder_task: str) -> Iterator[None]:
    """Hold the lock of a file, which is created with its folder.

    The kernel releases the lock when the holder ends, even if it is killed. The file stays, because other processes may
    be waiting for it.

    Args:
        path: of the lock file.
        timeout: maximum waiting time [s].
        holder_task: what the process that holds the lock does, for messages.

    Raises:
        ModelError: the lock was not released in time.
        FileError: the file cannot be created.
    """
    lock = FileLock(path, mode=0o644)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _acquire(lock, path, timeout, holder_task)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path, timeout: float, holder_task: str) -> None:
    deadline = time.monotonic() + timeout
    wait = 0.0
    while True:
        try:
            lock.acquire(timeout=wait)
            return
        except Timeout:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise ModelError(
                    f"{path}: another process held the lock for more than {timeout:g} s ({holder_task}): "
                    "end that process"
                ) from None
            LOG.info("waiting for another process: %s", holder_task)
            wait = min(LOG_PERIOD, remaining)
