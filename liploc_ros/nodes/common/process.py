"""Run a node as a process: one line for an error, an orderly end for Ctrl-C and SIGTERM."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from liploc_ros.errors import LiplocError

SAME_KEYSTROKE = 1.0  # s; `ros2 launch` can pass on a Ctrl-C that the terminal already sent


class RunnableNode(Protocol):
    """A node that does something when it starts and when it ends."""

    def start(self) -> None:
        """Begin the work; raises LiplocError where it cannot."""

    def close(self) -> None:
        """Finish the work while the node can still talk; raises LiplocError where it cannot."""

    def destroy_node(self) -> Any:
        """Free what the node holds."""


def run_node(
    make_node: Callable[[Callable[[], None]], RunnableNode], name: str, args: Sequence[str] | None = None
) -> int:
    """Run a node until it or the user stops it, and return the exit code of the process.

    Args:
        make_node: gets a function with which the node can end the process itself.
        name: for the log.
        args: of the command line, with ``--ros-args``; those of this process when left out.
    """
    logger = get_logger(name)
    try:
        # rclpy's own handlers would take the node's voice away before it has finished.
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rclpy's own class for it is private
        logger.fatal(
            f"{' '.join(str(error).split())}: check what follows --ros-args, and the YAML files of --params-file"
        )
        return 1
    stop = _stop_at_signals()
    node: RunnableNode | None = None
    try:
        node = make_node(stop.set)
        node.start()
        _spin(node, stop)
        return 0
    except LiplocError as error:
        logger.fatal(str(error))
        return 1
    except KeyboardInterrupt:
        logger.warning("stopped without finishing")
        return 130
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


def _spin(node: RunnableNode, stop: threading.Event) -> None:
    """Spin in another thread: only the main thread hears signals, and only while it waits in Python."""
    executor = MultiThreadedExecutor(num_threads=4)
    executor.add_node(node)
    failures: list[BaseException] = []

    def spin() -> None:
        while not stop.is_set():
            try:
                executor.spin()
            except InvalidHandle:  # what went with a life cycle's step while the executor waited for it
                continue
            except ExternalShutdownException:
                break
            except BaseException as error:
                if not stop.is_set():
                    failures.append(error)
                break
        stop.set()

    thread = threading.Thread(target=spin, name="executor", daemon=True)
    thread.start()
    try:
        stop.wait()
        node.close()
    finally:
        executor.shutdown(timeout_sec=2.0)
        thread.join(timeout=2.0)
    if failures:
        raise failures[0]


def _stop_at_signals() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set. A second Ctrl-C does not wait for the end; a second SIGTERM does."""
    stop = threading.Event()
    first = 0.0

    def on_signal(number: int, frame: Any) -> None:
        nonlocal first
        if not stop.is_set():
            first = time.monotonic()
            stop.set()
        elif number == signal.SIGINT and time.monotonic() - first > SAME_KEYSTROKE:
            raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
    return stop
