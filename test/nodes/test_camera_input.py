# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The transport of an image topic."""

import pytest

pytest.importorskip("rclpy")

from liploc_ros.nodes.localizer.camera import COMPRESSED, RAW, choose_transport


@pytest.mark.parametrize(
    ("topic", "transport", "graph", "expected"),
    [
        ("/i/compressed", "auto", {}, ("/i/compressed", COMPRESSED)),
        ("/i", "compressed", {}, ("/i/compressed", COMPRESSED)),
        ("/i", "raw", {}, ("/i", RAW)),
        ("/i", "auto", {}, None),
        ("/i", "auto", {"/i": [RAW], "/i/compressed": [COMPRESSED]}, ("/i", RAW)),
        ("/i", "auto", {"/i/compressed": [COMPRESSED]}, ("/i/compressed", COMPRESSED)),
        ("/i", "auto", {"/i": [COMPRESSED]}, ("/i", COMPRESSED)),
    ],
)
def test_the_transport_is_chosen_from_name_parameter_and_graph(topic, transport, graph, expected):
    assert choose_transport(topic, transport, graph) == expected
