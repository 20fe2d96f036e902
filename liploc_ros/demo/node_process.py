"""A node in a process of its own: for the demo."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType

Parameters = Mapping[str, str | int | list[str]]


class NodeProcess:
    """A node of the package as a process of its own; ended as Ctrl-C would end it."""

    def __init__(self, name: str, namespace: str, parameters: Parameters) -> None:
        """Say what is to be started; it is within the context only."""
        self.name = name
        code = f"import sys; from liploc_ros.nodes.{name} import main; sys.exit(main())"
        self._command = [sys.executable, "-c", code, "--ros-args", "-r", f"__ns:={namespace}"]
        for key, value in parameters.items():
            self._command += ["-p", f"{key}:={json.dumps(value)}"]

    def __enter__(self) -> NodeProcess:
        """Start it."""
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=subprocess.STDOUT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    def ended(self) -> bool:
        """Say whether it has."""
        return self._process.poll() is not None

    def last_line(self) -> str:
        """Return the last line that the node logged."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return lines[-1] if lines else "nothing was logged"
