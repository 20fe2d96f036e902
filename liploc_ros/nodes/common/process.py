# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Running a node as a process: errors as one line, a clean end after Ctrl-C and SIGTERM."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import Executor, ExternalShutdownException, ShutdownException, TimeoutException
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common.library_log import library_log
from liploc_ros.threads import limit_threads

DUPLICATE_SIGNAL_TIME = 1.0  # s; `ros2 launch` may forward a Ctrl-C that the terminal has sent already


class RunnableNode(Protocol):
    """A node with work at its start and at its end."""

    def get_logger(self) -> Any:
        """Return the logger of the node."""

    def start(self) -> None:
        """Start the work; raises LiplocError if it cannot."""

    def close(self) -> None:
        """Finish the work while the node can still publish; raises LiplocError if it cannot."""

    def why_no_result(self) -> str:
        """Return why the node has no result after it was closed; empty if it has one."""

    def destroy_node(self) -> Any:
        """Free the resources of the node."""


class PoolExecutor(Executor):
    """Runs callbacks in a pool of threads.

    In Jazzy, the MultiThreadedExecutor of rclpy does not wait for its callbacks at shutdown, and they would log after
    the end of the node.
    """

    def __init__(self, threads: int) -> None:
        """Start the pool."""
        super().__init__()
        self._pool = ThreadPoolExecutor(threads)
        self._running: list[Any] = []

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for one callback, and run it in the pool. An exception of an earlier one is raised."""
        try:
            task, _, _ = self.wait_for_ready_callbacks(timeout_sec=timeout_sec)
        except (ShutdownException, TimeoutException):
            return
        self._pool.submit(task)
        self._running.append(task)
        done = [task for task in self._running if task.done()]
        self._running = [task for task in self._running if not task.done()]
        for task in done:
            task.result()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Run no more callbacks, and wait for those that run."""
        has_finished = super().shutdown(timeout_sec)
        self._pool.shutdown(wait=True)
        return bool(has_finished)


def run_node(
    make_node: Callable[[Callable[[], None]], RunnableNode], name: str, args: Sequence[str] | None = None
) -> int:
    """Run a node until it or the user stops it, and return the exit code of the process.

    The threads of BLAS, FAISS and OpenCV are limited for the whole process.

    Args:
        make_node: gets a function with which the node can end the process.
        name: of the logger.
        args: command line with ``--ros-args``; that of this process if None.
    """
    logger = get_logger(name)
    try:
        # The signal handlers of rclpy would shut down the context before the node has finished.
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rclpy's own class for it is private
        logger.fatal(
            f"{' '.join(str(error).split())}: check what follows --ros-args, and the YAML files of --params-file"
        )
        return 1
    stop = _stop_event()
    node: RunnableNode | None = None
    try:
        limit_threads()
        node = make_node(stop.set)
        with library_log(node.get_logger()):
            node.start()
            _spin(node, stop)
        if reason := node.why_no_result():
            logger.fatal(reason)
            return 1
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
    """Spin in another thread: Python runs signal handlers in the main thread only, which has to wait in Python code."""
    executor = PoolExecutor(threads=4)
    executor.add_node(node)
    failures: list[BaseException] = []

    def spin() -> None:
        while not stop.is_set():
            try:
                executor.spin()
            except InvalidHandle:  # an entity was destroyed by a transition while the executor waited for it
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


def _stop_event() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set. Only a second Ctrl-C ends the process at once."""
    stop = threading.Event()
    first_at = 0.0

    def on_signal(number: int, frame: Any) -> None:
        nonlocal first_at
        if not stop.is_set():
            first_at = time.monotonic()
            stop.set()
        elif number == signal.SIGINT and time.monotonic() - first_at > DUPLICATE_SIGNAL_TIME:
            raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
    return stop
