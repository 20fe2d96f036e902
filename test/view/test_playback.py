# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Pause, step and speed of a recording."""

import threading
import time

import pytest

from liploc_ros.errors import LiplocError
from liploc_ros.view.playback import Playback

SECOND = 1_000_000_000


def played(playback, stamps):
    """Play images in another thread; returns the list that they are added to."""
    done = []

    def run():
        for stamp in stamps:
            if not playback.wait_until_due(stamp):
                return
            done.append(stamp)

    threading.Thread(target=run, daemon=True).start()
    return done


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def test_steps_play_one_image_each():
    playback = Playback(paused=True)
    done = played(playback, range(5))
    for count in (1, 2):
        playback.step()
        wait_for(lambda count=count: len(done) == count)
    assert playback.is_paused


def test_resuming_plays_on():
    playback = Playback(1e6, paused=True)
    done = played(playback, range(0, 5 * SECOND, SECOND))
    playback.resume()
    wait_for(lambda: len(done) == 5)


def test_images_come_at_the_speed_that_is_set():
    playback = Playback(1e-6)
    done = played(playback, [0, SECOND, 2 * SECOND])
    wait_for(lambda: done == [0])
    playback.set_rate(1e6)
    wait_for(lambda: len(done) == 3)


def test_the_end_waits_for_a_restart():
    playback = Playback()
    threading.Timer(0.1, playback.restart).start()
    assert playback.wait_for_restart()
    threading.Timer(0.1, playback.resume).start()  # the end is a pause
    assert playback.wait_for_restart()
    threading.Timer(0.1, playback.stop).start()
    assert not playback.wait_for_restart()


def test_a_restart_ends_the_wait_for_an_image():
    playback = Playback(paused=True)
    threading.Timer(0.1, playback.restart).start()
    assert not playback.wait_until_due(0)
    assert playback.wait_for_restart()


def test_a_rate_of_zero_is_refused():
    with pytest.raises(LiplocError, match="rate 0: give a positive number"):
        Playback(0)
