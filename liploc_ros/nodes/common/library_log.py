"""What the library logs, in the log of a node."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LIBRARY = logging.getLogger("liploc_ros")


class _ToNode(logging.Handler):
    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        # One call for each: rclpy refuses a call that logs with another severity than before.
        message = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(message)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(message)
        elif record.levelno >= logging.INFO:
            self._logger.info(message)


@contextmanager
def library_log(logger: Any) -> Iterator[None]:
    """Pass on to a node's logger what the library logs meanwhile, such as how far an engine is built."""
    handler, level = _ToNode(logger), LIBRARY.level
    LIBRARY.addHandler(handler)
    LIBRARY.setLevel(logging.INFO)
    try:
        yield
    finally:
        LIBRARY.removeHandler(handler)
        LIBRARY.setLevel(level)
