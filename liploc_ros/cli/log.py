"""What the library logs, on standard error."""

import logging

import typer


class _OnStandardError(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(record.getMessage(), err=True)


HANDLER = _OnStandardError()


def show_log(level: int = logging.WARNING) -> None:
    """Show what liploc_ros logs from a level on; once is enough."""
    logger = logging.getLogger("liploc_ros")
    logger.setLevel(level)
    logger.addHandler(HANDLER)  # no second time, if it is there
