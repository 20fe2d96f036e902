"""What the library logs, on standard error."""

import logging


def show_log(level: int = logging.WARNING) -> None:
    """Show what liploc_ros logs from a level on; once is enough."""
    logger = logging.getLogger("liploc_ros")
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
