# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What a verb shows on the terminal, and the settings of its process."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


class _StandardErrorHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(record.getMessage(), err=True)


_HANDLER = _StandardErrorHandler()


def show_log(level: int = logging.WARNING) -> None:
    """Write the library's log to standard error, from this level on. Repeated calls only change the level."""
    logger = logging.getLogger("liploc_ros")
    _HANDLER.setLevel(level)
    if logger.getEffectiveLevel() > level:
        logger.setLevel(level)
    logger.addHandler(_HANDLER)  # has no effect if it was added before


def start_work(log_level: int = logging.WARNING) -> None:
    """Prepare the process for the work of a verb: show the library's log and limit its thread pools.

    Call it once, before torch is imported: training keeps torch's own threads.
    """
    from liploc_ros.threads import limit_threads

    show_log(log_level)
    limit_threads()


@contextmanager
def progress_bar(
    description: str, unit: str, *, only_on_terminal: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar and yield the function (done, total) that updates it."""
    from tqdm import tqdm

    with tqdm(desc=description, unit=unit, disable=None if only_on_terminal else False) as bar:

        def update(done: int, total: int) -> None:
            if bar.total is None:  # rate and remaining time are those of what is done from now on
                bar.unpause()
                bar.initial = bar.n = done if done > 1 else 0
            bar.total = total
            bar.update(done - bar.n)
            if done >= total:
                bar.close()  # so that the time after it does not count

        yield update
