# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Functions that read points, and fail in workers. Workers import them from here."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liploc_ros.datasets import DatasetError


@dataclass
class KillsOneWorker:
    """Reads points; the first worker that does is killed."""

    read: Any
    mark: Path
    driver: int

    def __call__(self):
        if os.getpid() != self.driver and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.read()


@dataclass
class ReadableHere:
    """Reads points in one process only."""

    read: Any
    driver: int

    def __call__(self):
        if os.getpid() != self.driver:
            raise DatasetError("drive.mcap: not on this machine")
        return self.read()
