# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A node of this package in its own process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType

ParameterValues = Mapping[str, str | bool | int | float | list[str]]


class NodeProcess:
    """A node of this package in its own process, as a context. Leaving the context stops the node as Ctrl-C does."""

    def __init__(self, name: str, namespace: str, parameters: ParameterValues) -> None:
        """Prepare the command; entering the context starts it."""
        self.name = name
        code = f"import sys; from liploc_ros.nodes.{name}.node import main; sys.exit(main())"
        self._command = [sys.executable, "-c", code, "--ros-args", "-r", f"__ns:={namespace}"]
        for key, value in parameters.items():
            self._command += ["-p", f"{key}:={json.dumps(value)}"]

    def __enter__(self) -> NodeProcess:
        """Start the process."""
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=subprocess.STDOUT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the process."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    @property
    def pid(self) -> int:
        """Number of the process, once it is started."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def last_line(self) -> str:
        """Return the last line of the node's log."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return lines[-1] if lines else "nothing was logged"
