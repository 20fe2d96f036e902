# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`liploc view --live` in Chromium, with a localizer over DDS."""

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("viser", reason="needs viser: pip install 'liploc_ros[view]'")

from support.browser import CHROMIUM
from support.ros_bench import DOMAIN, IMAGE, INFO
from support.served_view import ServedView, ViewBrowser

from liploc_ros.nodes.common.conversions import belief_to_message, hypotheses_to_message
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.view.messages import localization_of, tracking_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium"),
]
ON_BENCH = {"ROS_DOMAIN_ID": str(DOMAIN), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
SHOWN = """[
    document.querySelector('#liploc-state').innerText,
    document.querySelector('#liploc-pose').innerText,
    [...document.querySelectorAll('img')].filter(one => one.src.startsWith('blob')).length
]"""


def test_the_page_follows_a_localizer(bench, settings, recorded, demo_map_folder):
    node = bench.start(LocalizerNode, **settings)
    with ServedView(demo_map_folder, "--live", **ON_BENCH) as view, ViewBrowser() as page:
        page.open(view.address)
        page.wait_for("no result yet: the localizer waits for images")
        bench.publish(INFO, recorded[INFO][0])
        for image in recorded[IMAGE]:
            bench.publish(IMAGE, image)
            page.call("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 300))", awaitPromise=True)
            state, pose, images = page.evaluate(SHOWN)
            if state == "LOCALIZED" and images == 2:
                break
        assert state == "LOCALIZED" and images == 2
        assert pose.startswith("x ")
        page.wait_for("0 images lost")
        page.wait_for("last result")  # no more images
        assert page.state() == "NO RESULTS"
        node.close()
        node.destroy_node()
        page.wait_for("/localizer has ended")


def test_results_are_the_same_after_a_message(bundle, demo_map, demo_drive):
    from liploc_ros.localization import Localizer

    localizer = Localizer(demo_map, bundle)
    image = next(demo_drive.recorded_images())
    tracking = localizer.track(image.read(), image.camera(), image.stamp_ns, image.T_map_base)
    received = localization_of(hypotheses_to_message(tracking.localization, demo_map, image.frame_id))
    assert received.status is tracking.localization.status and received.message == tracking.localization.message
    for sent, found in zip(tracking.localization.hypotheses, received.hypotheses, strict=True):
        assert found.T_map_base == pytest.approx(sent.T_map_base) and found.covariance == pytest.approx(sent.covariance)
        assert found.probability == pytest.approx(sent.probability) and found.score == pytest.approx(sent.score)
    belief = tracking_of(belief_to_message(tracking, demo_map, image.frame_id))
    assert belief.state is tracking.state and belief.probability_lost == pytest.approx(tracking.probability_lost)
