# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The clock of the computer."""

import time
from collections.abc import Iterable
from datetime import datetime, timezone

from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, error, ok

EARLIEST = datetime(2025, 1, 1, tzinfo=timezone.utc)
"""Before this package was written."""


def check_clock(examination: Examination) -> Iterable[Finding]:
    """Check that the computer knows the date."""
    now = datetime.fromtimestamp(time.time(), timezone.utc)
    shown = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < EARLIEST:
        yield error(f"the computer takes the time for {shown}", "set it (NTP, PTP or GNSS) before anything is recorded")
    else:
        yield ok(shown)
