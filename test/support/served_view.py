# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`liploc view` as a process, and Chromium in front of it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from support.browser import Browser, wait


class ServedView:
    """`liploc view` with these arguments, as a context."""

    def __init__(self, *arguments, **environment):
        self.port = free_port()
        self.address = f"http://localhost:{self.port}"
        options = ["--port", self.port, "--no-browser"]
        self._command = [sys.executable, "-m", "liploc_ros.cli.main", "view", *map(str, [*arguments, *options])]
        self._environment = {**os.environ, **environment}

    def __enter__(self):
        self._folder = Path(tempfile.mkdtemp())
        with (self._folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=subprocess.STDOUT, env=self._environment, preexec_fn=hear_interrupts
            )
        wait(lambda: self.address in self.log() or self.process.poll() is not None, "the page is not served", 60)
        assert self.process.poll() is None, self.log()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self._folder)

    def interrupt(self):
        """Press Ctrl-C, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)

    def log(self):
        return (self._folder / "log").read_text()


class ViewBrowser(Browser):
    """Chromium with the page of `liploc view`."""

    def state(self):
        return self.text("#liploc-state")

    def health(self):
        return self.text("#liploc-health")

    def step(self, image):
        """Press Step, and wait for the results of this image."""
        self.click("Step")
        self.wait_for(f"image {image} of")

    def wait_for(self, text, seconds=30):
        """Wait until the page has a text."""
        self.wait(f"document.body.innerText.includes({text!r})", f"no {text!r}", seconds)


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def hear_interrupts():
    """A shell lets programs in the background ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
