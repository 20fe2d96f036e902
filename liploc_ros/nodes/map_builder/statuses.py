# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Diagnostic statuses of the map builder."""

import time

from liploc_ros.nodes.common.diagnostics import Health, Level
from liploc_ros.nodes.inputs.silence import MAX_SILENCE
from liploc_ros.nodes.map_builder.inputs import BuilderInputs
from liploc_ros.nodes.map_builder.saver import MapSaver


def building_health(message: str, inputs: BuilderInputs, map_path: str) -> Health:
    """Return the diagnostic status of the inputs; its conditions are in docs/nodes.md."""
    points, odometry, collector, now = inputs.points, inputs.odometry, inputs.collector, time.monotonic()
    mismatches = [points.mismatch(), odometry.mismatch()]
    lines = inputs.faults.lines()
    health = Health(message)
    counts = collector.counts()
    health.values = {
        "points topic": points.topic,
        "odometry topic": odometry.topic,
        "scans/s": f"{points.rate():.1f}",
        "odometry/s": f"{odometry.rate():.1f}",
        "scan reliability": points.reliability(),
        "odometry reliability": odometry.reliability(),
        "scan quality of service": mismatches[0] or "matches",
        "odometry quality of service": mismatches[1] or "matches",
        "last fault": lines[-1] if lines else "none",
        "paused": str(collector.is_paused).lower(),
        "scans received": str(collector.received),
        "scans received while paused": str(collector.paused),
        "scans dropped": str(collector.dropped),
        "scans dropped, by reason": inputs.faults.counts() or "none",
        "odometry refused": str(inputs.refused_odometry),
        "keyframes": str(collector.keyframes),
        "keyframes without reflectance": str(counts.without_reflectance),
        "map_path": map_path,
    }
    for line in [*mismatches, *lines]:
        if line:
            health.add(Level.ERROR, line)
    inputs.lost_scans.report(health, points.topic, now)
    if counts.without_reflectance:
        health.add(
            Level.WARN,
            f"{points.topic}: {counts.without_reflectance} of {counts.kept} keyframes have no reflectance: images are "
            "found less often; check the fields of the points",
        )
    if collector.is_paused:
        health.add(Level.WARN, f"paused, {collector.paused} scans were not used: call ~/resume")
    for monitor in (points, odometry):
        monitor.stamps.report(health, now)
        if monitor.age() > MAX_SILENCE:
            reason = monitor.why_silent()
            health.add(Level.WARN, f"no {monitor.what} on {monitor.topic} for more than {MAX_SILENCE:.0f} s: {reason}")
    return health


def saving_health(saver: MapSaver, autosave_keyframes: int) -> Health:
    """Return the diagnostic status of saving; its conditions are in docs/nodes.md."""
    now, saved, since = time.monotonic(), saver.saved, saver.saving_since
    health = Health(f"saving for {now - since:.0f} s" if since else saved.message if saved else "not saved yet")
    health.values = {
        "saving": f"for {now - since:.0f} s" if since else "no",
        "last save": f"{now - saved.finished_at:.0f} s ago, took {saved.duration:.1f} s" if saved else "none",
        "keyframes saved": str(len(saved.collected.keyframes) if saved else 0),
        "keyframes not saved": str(saver.unsaved_keyframes),
        "autosave": f"every {autosave_keyframes} keyframes" if autosave_keyframes else "off",
        "last failure": saver.failure or "none",
    }
    if saver.failure:
        health.add(Level.ERROR, saver.failure)
    return health
