# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A page for the browser that shows a map and where images were taken on it.

:mod:`liploc_ros.view.page` shows updates of :mod:`liploc_ros.view.updates`. They come from a recording
(:mod:`liploc_ros.view.recording`) or from the topics of a localizer (:mod:`liploc_ros.view.live`). Needs viser.
"""
