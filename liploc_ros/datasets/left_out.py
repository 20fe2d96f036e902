# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Counts of messages that cannot be used, so that one bad message does not end the work and none is lost silently."""

import logging
from collections import Counter
from functools import lru_cache

_logger = logging.getLogger(__name__)


class LeftOut:
    """Messages that were left out, by topic or other source."""

    def __init__(self) -> None:
        """Start without messages."""
        self._seen: Counter[str] = Counter()
        self._count: Counter[str] = Counter()
        self._first: dict[str, tuple[int, str]] = {}

    def see(self, source: str) -> None:
        """Count a message, whether it can be used or not."""
        self._seen[source] += 1

    def add(self, source: str, stamp_ns: int, reason: object) -> None:
        """Count a message of ``source`` that is left out, with its time [ns] and the reason."""
        self._count[source] += 1
        self._first.setdefault(source, (stamp_ns, str(reason)))

    def __getitem__(self, source: str) -> int:
        """Return how many messages of this source were left out."""
        return self._count[source]

    def reason(self, source: str) -> str:
        """Return why the first message of this source was left out; empty if none was."""
        return self._first.get(source, (0, ""))[1]

    def report(self) -> list[str]:
        """Return one sentence for each source with messages that were left out."""
        return [
            f"{source}: {count} of {max(count, self._seen[source])} left out, first at "
            f"{self._first[source][0] / 1e9:.3f} s: {self._first[source][1]}"
            for source, count in self._count.items()
        ]


@lru_cache(maxsize=1024)
def warn_once(message: str) -> None:
    """Log a warning that was not logged before."""
    _logger.warning(message)
