# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The page of `liploc view`, in Chromium."""

import cv2
import numpy as np
import pytest
from support.browser import CHROMIUM, is_foreign
from support.served_view import ServedView, ViewBrowser, free_port

pytest.importorskip("viser", reason="needs viser: pip install 'liploc_ros[view]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium"),
]

IMAGES = "[...document.querySelectorAll('img')].map(one => one.src).filter(source => source.startsWith('blob'))"

HEALTH = "document.querySelector('#liploc-health').innerText"
LABELS = "[...document.querySelectorAll('button')].map(one => one.innerText)"


@pytest.fixture(scope="module")
def view(demo_map_folder, demo_bag):
    with ServedView(demo_map_folder, demo_bag, "--paused", "--rate", "0.5") as view:
        yield view


@pytest.fixture(scope="module")
def page(view):
    """One page for all tests of this file: Chromium draws slowly without a GPU."""
    with ViewBrowser() as page:
        page.open(view.address)
        page.wait_for("Playback")
        yield page


def colours_of_scene(page):
    """Return the pixels (N, 3) of the screenshot that the panel does not cover."""
    image = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR_RGB)
    return image[:, : image.shape[1] * 2 // 3].reshape(-1, 3)


def test_the_page_has_all_elements_and_updates_with_each_step(page):
    assert page.state() == "NO IMAGE YET"
    for title in ("Playback", "Camera image", "Match", "Over time", "Hypotheses", "Health", "Scene"):
        assert title in page.text()
    page.step(1)
    assert page.state() in ("LOST", "CONVERGING")
    page.wait(f"{IMAGES}.length === 2", "the camera image and the matched view are not shown")
    first = page.evaluate(IMAGES)
    rows = "document.querySelectorAll('#liploc-image-result tbody tr').length"
    assert page.evaluate(rows) > 1 and page.evaluate(rows.replace("image-result", "belief")) > 1
    for image in (2, 3, 4):
        page.step(image)
    assert page.state() == "LOCALIZED"
    assert page.text("#liploc-pose").startswith("x ")
    assert page.evaluate(IMAGES) != first
    assert page.errors == []


def test_play_goes_on_pause_stops_it_and_restart_begins_again(page):
    page.click("Play")
    page.wait(f"!({HEALTH}).includes('image 4 of 40')", "playing does not go on")
    page.click("Pause")
    page.wait(f"({LABELS}).includes('Play')", "the button does not change")
    paused = page.health()
    page.call("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 2000))", awaitPromise=True)
    assert page.health() == paused
    page.click("Restart")
    page.wait(f"({HEALTH}).includes('starts again')", "the recording does not start again")
    assert page.state() == "NO IMAGE YET"


def test_two_browsers_see_the_same(view, page):
    with ViewBrowser((800, 500)) as other:
        other.open(view.address)
        other.wait_for("recording")
        assert other.health() == page.health()
        other.step(1)
        page.wait_for("image 1 of")


def test_the_scene_shows_the_map_and_no_request_leaves_the_machine(page):
    page.wait("performance.now() > 6000", "time stands still")  # the page fades in
    colours = colours_of_scene(page)
    assert (colours.max(axis=1) > 100).mean() > 0.02, "the points of the map are not drawn"
    assert len(np.unique(colours // 32, axis=0)) > 20
    requests = page.requests_of_page()
    assert any(request.startswith("ws://localhost") for request in requests)
    assert [request for request in requests if is_foreign(request)] == []


def test_a_map_alone_is_shown_until_ctrl_c(demo_map_folder):
    with ServedView(demo_map_folder) as view, ViewBrowser() as page:
        page.open(view.address)
        page.wait_for("Whole map")
        assert "Playback" not in page.text()
        assert view.interrupt() == 0
        assert "Traceback" not in view.log()


def test_a_browser_cannot_publish_the_page():
    from liploc_ros.view.server import serve

    with serve("localhost", free_port()) as server:
        assert server.request_share_url() is None
