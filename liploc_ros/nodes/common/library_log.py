# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Forwarding the log of the library to the log of a node."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LIBRARY_LOGGER = logging.getLogger("liploc_ros")


class _NodeHandler(logging.Handler):
    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        # One call per severity: rclpy does not allow a call site to log with different severities.
        message = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(message)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(message)
        elif record.levelno >= logging.INFO:
            self._logger.info(message)
        else:
            self._logger.debug(message)


@contextmanager
def library_log(logger: Any) -> Iterator[None]:
    """Forward log lines of the library to a node's logger, such as warnings of a calibration.

    In a process, the first logger gets them.
    """
    if any(isinstance(handler, _NodeHandler) for handler in LIBRARY_LOGGER.handlers):
        yield
        return
    handler, level = _NodeHandler(logger), LIBRARY_LOGGER.level
    LIBRARY_LOGGER.addHandler(handler)
    LIBRARY_LOGGER.setLevel(logging.DEBUG)  # the node's logger has the level that the user wants
    try:
        yield
    finally:
        LIBRARY_LOGGER.removeHandler(handler)
        LIBRARY_LOGGER.setLevel(level)
