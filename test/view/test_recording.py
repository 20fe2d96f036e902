# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A recording that is localized for the page, without a browser."""

from dataclasses import replace

import pytest

from liploc_ros.localization import Localizer, TrackingState
from liploc_ros.localization.long_map import localizer_on
from liploc_ros.view.playback import Playback
from liploc_ros.view.recording import RecordingSource
from liploc_ros.view.updates import BeliefResult, HealthReport, Level, MapInUse, MatchedImage, PoseResult, Restarted
from liploc_ros.views import ImageError


class UpdateList:
    """A page that only keeps updates; it stops the playback at the end of the recording."""

    def __init__(self, playback, runs=1):
        self.updates, self._playback, self._runs = [], playback, runs

    def show(self, updates):
        self.updates += updates
        if ": the end" in self.health()["recording"].message:
            self._runs -= 1
            (self._playback.restart if self._runs else self._playback.stop)()

    def of(self, kind):
        return [update for update in self.updates if isinstance(update, kind)]

    def health(self):
        return {line.name: line for line in self.of(HealthReport)[-1].lines}


@pytest.fixture
def play(demo_drive, demo_map, bundle):
    def play_images(images=None, runs=1, **arguments):
        playback = Playback(1e6)
        page = UpdateList(playback, runs)
        images = images or list(demo_drive.recorded_images())[:4]
        RecordingSource(images, Localizer(demo_map, bundle), playback, page, **arguments).run()
        return page

    return play_images


def test_tracking_ends_localized_with_a_pose_and_a_matched_view(play):
    page = play()
    assert [update.tracking.state for update in page.of(BeliefResult)][-1] is TrackingState.LOCALIZED
    assert page.of(PoseResult)[-1].hypothesis is not None
    assert len(page.of(MatchedImage)) == 4
    assert page.health()["odometry"].message == "poses of the recording"


def test_a_second_run_begins_with_an_unknown_pose(play):
    page = play(runs=2)
    assert len(page.of(Restarted)) == 1
    beliefs = [update.tracking for update in page.of(BeliefResult)]
    assert len(beliefs) == 8 and beliefs[4].probability_lost == pytest.approx(beliefs[0].probability_lost)


def test_an_image_that_cannot_be_read_is_counted_and_the_others_are_localized(play, demo_drive):
    def broken():
        raise ImageError("image 2: truncated")

    images = list(demo_drive.recorded_images())[:3]
    page = play([images[0], images[1]._replace(read=broken), images[2]])
    assert page.health()["images"].level is Level.WARN
    assert page.health()["images"].message == "1 unusable: image 2: truncated"
    assert len(page.of(BeliefResult)) == 2


def test_without_odometry_the_reason_is_shown(play):
    assert play(why_no_odometry="none: no poses").health()["odometry"].message == "none: no poses"


def test_a_map_without_points_has_no_lidar_view(play, demo_map, demo_drive, bundle):
    from liploc_ros.mapping.clouds import Clouds

    bare = replace(demo_map, clouds=Clouds())
    playback = Playback(1e6)
    page = UpdateList(playback)
    RecordingSource(list(demo_drive.recorded_images())[:1], Localizer(bare, bundle), playback, page).run()
    assert "no points" in page.health()["map"].message
    [view] = [update.pixels for update in page.of(MatchedImage)]
    assert (view[view.shape[0] // 2 + 1 :] == 96).all()


def test_a_long_map_is_shown_with_the_points_of_its_tiles_in_memory(saved_map, demo_drive, bundle, monkeypatch):
    monkeypatch.setattr("liploc_ros.localization.long_map.localizer.MAX_EXHAUSTIVE_LENGTH", 0)
    playback = Playback(1e6)
    page = UpdateList(playback)
    localizer = localizer_on(saved_map, bundle)
    RecordingSource(list(demo_drive.recorded_images())[:3], localizer, playback, page).run()
    assert page.of(BeliefResult)[-1].tracking.state is TrackingState.LOCALIZED
    assert len(page.of(MapInUse)[-1].lidar_map.clouds)
    view = page.of(MatchedImage)[-1].pixels
    assert (view[view.shape[0] // 2 + 1 :] != 96).mean() > 0.5
