# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The web server of the page."""

import contextlib
import errno
import io
import socket
from collections.abc import Iterator

import viser

from liploc_ros.errors import LiplocError

DEFAULT_PORT = 8080


class ViewServerError(LiplocError):
    """The page cannot be served at this address."""


@contextlib.contextmanager
def serve(host: str, port: int) -> Iterator[viser.ViserServer]:
    """Yield a server, and stop it after that. It serves files of viser only, and contacts no other machine.

    Raises:
        ViewServerError: the address does not belong to this machine, or the port is in use.
    """
    check_address(host, port)
    with _without_output():  # viser prints its own box
        server = viser.ViserServer(host=host, port=port, label="liploc view", verbose=False)
    if server.get_port() != port:  # viser takes the next free port
        server.stop()
        raise ViewServerError(_in_use(port))
    server.request_share_url = lambda verbose=True: None  # a browser could ask for a public address of the page
    server.gui.configure_theme(
        control_layout="fixed", control_width="large", dark_mode=True, show_logo=False, show_share_button=False
    )
    try:
        yield server
    finally:
        with _without_output():
            server.stop()


def check_address(host: str, port: int) -> None:
    """Bind the address once.

    Raises:
        ViewServerError: it cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise ViewServerError(
            f"host {host!r}: {error.strerror}: give localhost, 0.0.0.0 or an address of this machine"
        ) from error
    except PermissionError as error:
        raise ViewServerError(f"port {port}: {error.strerror}: choose one above 1023 with --port") from error
    except OSError as error:
        is_in_use = error.errno == errno.EADDRINUSE
        reason = _in_use(port) if is_in_use else f"host {host}: {error.strerror}: give an address of this machine"
        raise ViewServerError(reason) from error


def _without_output() -> contextlib.AbstractContextManager[object]:
    return contextlib.redirect_stdout(io.StringIO())


def _in_use(port: int) -> str:
    return f"port {port} is in use: end the other program, or choose another port with --port"
