"""A lock that processes share, and that is free again when its holder dies."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from liploc_ros.encoders.encoder import ModelError

LOG = logging.getLogger(__name__)
POLL, TELL = 0.05, 5.0  # s


@contextmanager
def locked(path: Path, limit: float, waiting_for: str) -> Iterator[None]:
    """Hold the lock of a file, which is made; the kernel lets go of it when the process ends, however it does.

    Args:
        path: of the file. It stays: removed while others wait for it, it would be two locks.
        limit: seconds to wait at most.
        waiting_for: what its holder does, for the log.

    Raises:
        ModelError: it was not free in time, or the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ModelError(f"{path}: cannot be written ({error.strerror}): choose another cache folder") from error
    try:
        _wait(descriptor, path, limit, waiting_for)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path, limit: float, waiting_for: str) -> None:
    start = told = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            now = time.monotonic()
            if now - start > limit:
                raise ModelError(
                    f"{path}: held by another process for more than {limit:g} s ({waiting_for}): end that process"
                ) from None
            if now - told >= TELL or told == start:
                told = now
                LOG.info("waiting for another process: %s", waiting_for)
            time.sleep(POLL)
