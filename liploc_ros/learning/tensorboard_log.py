# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training curves for TensorBoard."""

import logging
from pathlib import Path
from types import TracebackType
from typing import Any

LOG = logging.getLogger(__name__)


class TensorBoardLog:
    """Writes scalars by step into a folder for ``tensorboard --logdir``; does nothing without tensorboard."""

    def __init__(self, folder: Path | None, first: int = 0) -> None:
        """Open the log.

        Args:
            folder: for the files; None: nothing is written.
            first: step from which the run continues; points of an earlier run from this step on are hidden.
        """
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            LOG.warning("no TensorBoard files: tensorboard is not installed: pip install 'liploc_ros[train]'")
            return
        if first == 0:
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
        self._writer = SummaryWriter(str(folder), purge_step=first or None)

    def write(self, step: int, **values: float) -> None:
        """Add one point to each named curve; a double underscore in a name starts a group."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name.replace("__", "/"), value, step)

    def __enter__(self) -> "TensorBoardLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
