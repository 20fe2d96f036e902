# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Headless Chromium, driven by the DevTools protocol, with a log of everything that the whole browser requests."""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--use-angle=swiftshader",  # WebGL without a GPU
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",  # Chromium asks its maker
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
OWN_HOSTS = {"localhost", "127.0.0.1", "[::1]", "::1"}
WEB = {"http", "https", "ws", "wss", "ftp"}
PATIENCE = 30.0  # s


class Browser:
    """A page in headless Chromium, as a context.

    Attributes:
        requests: addresses that the page requested so far.
        errors: uncaught errors of the page so far.
    """

    def __init__(self, size=(900, 600)):
        self._size = size
        self._numbers = itertools.count(1)
        self.requests, self.errors = set(), []

    def __enter__(self):
        from websockets.sync.client import connect

        self._folder = Path(tempfile.mkdtemp(prefix="chromium_"))
        self._net_log = self._folder / "net.json"
        width, height = self._size
        command = [CHROMIUM, *SWITCHES, f"--user-data-dir={self._folder}", f"--log-net-log={self._net_log}"]
        command += [f"--window-size={width},{height}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = self._folder / "DevToolsActivePort"
        wait(lambda: port_file.exists() and port_file.read_text().count("\n"), "Chromium did not start")
        port = port_file.read_text().splitlines()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=PATIENCE) as response:
            targets = json.load(response)
        page = next(target for target in targets if target["type"] == "page")
        self._socket = connect(page["webSocketDebuggerUrl"], max_size=None)
        for domain in ("Network", "Runtime", "Page"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        return self

    def __exit__(self, *_):
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self):
        """End Chromium, which completes the log of its requests."""
        if self._process.poll() is None:
            self.call("Browser.close")
            self._process.wait(PATIENCE)

    def open(self, address):
        """Open a page, and wait until it has drawn something."""
        self.call("Page.navigate", url=address)
        self.wait("document.querySelector('canvas') !== null", "the page has no canvas")

    def call(self, method, **parameters):
        """Call a method of the DevTools protocol."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(PATIENCE))
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message)

    def resize(self, width, height):
        """Change the size of the page [pixels]."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def evaluate(self, expression):
        """Return the value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def text(self, selector="body"):
        """Return the visible text of an element, empty if there is none."""
        return self.evaluate(f"document.querySelector({selector!r})?.innerText ?? ''")

    def wait(self, expression, failure, seconds=PATIENCE):
        """Wait until a JavaScript expression is true."""
        try:
            wait(lambda: self.evaluate(expression), failure, seconds)
        except AssertionError as error:
            raise AssertionError(f"{failure}; the page shows: {self.text()}") from error

    def click(self, label):
        """Click the button with this text."""
        found = f"[...document.querySelectorAll('button')].find(one => one.innerText.trim() === {label!r})"
        self.wait(f"({found}) !== undefined", f"no button {label}")
        self.evaluate(f"({found}).click()")

    def screenshot(self):
        """Return the page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def requests_of_page(self):
        """End Chromium, and return all addresses that its network log has for pages; not those of Chromium itself."""
        self.close()
        events = json.loads(self._net_log.read_text())["events"]
        requested = [event["params"] for event in events if "initiator" in event.get("params", {})]
        return sorted({one["url"] for one in requested if one.get("initiator", "").startswith("http")} | self.requests)

    def _note(self, message):
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.add(parameters["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.add(parameters["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(parameters["exceptionDetails"].get("exception", {}).get("description", "error"))


def is_foreign(address):
    """Return whether an address is on another machine; data and blobs are on none."""
    parts = urlsplit(address)
    return parts.scheme in WEB and parts.hostname not in OWN_HOSTS


def wait(condition, failure, seconds=PATIENCE):
    """Wait until the condition returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(failure)
        time.sleep(0.05)
    return result
