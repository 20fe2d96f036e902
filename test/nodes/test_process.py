# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Running a node as a process."""

import logging

import pytest

pytest.importorskip("rclpy")

from rclpy.logging import get_logger

from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common import process
from liploc_ros.nodes.common.process import run_node


def test_threads_are_limited_before_the_node_is_made_and_an_error_ends_with_status_1(monkeypatch):
    calls = []
    monkeypatch.setattr(process, "limit_threads", lambda: calls.append("limit"))

    def make_node(stop):
        calls.append("make")
        raise LiplocError("no map given")

    assert run_node(make_node, "test", []) == 1
    assert calls == ["limit", "make"]


def test_a_misspelt_command_line_ends_with_status_1():
    assert run_node(lambda stop: pytest.fail("made"), "test", ["--ros-args", "-p", "map"]) == 1


def test_warnings_of_the_library_are_lines_of_the_node_while_it_runs(capfd):
    class Node:
        def __init__(self, stop):
            self.stop = stop

        def get_logger(self):
            return get_logger("camera_node")

        def start(self):
            raise LiplocError(logging.getLogger("liploc_ros.datasets").warning("K is all zero") or "ended")

        def destroy_node(self):
            pass

    assert run_node(Node, "test", []) == 1
    lines = capfd.readouterr().err.splitlines()  # also of a handler that the command line has set in another test
    assert any("[WARN]" in line and "[camera_node]: K is all zero" in line for line in lines)
