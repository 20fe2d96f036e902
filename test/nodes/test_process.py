# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Running a node as a process."""

import pytest

pytest.importorskip("rclpy")

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
