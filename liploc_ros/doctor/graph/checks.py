# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checks of nodes, topics, quality of service, stamps and clock."""

from collections.abc import Callable, Iterable

from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, Level, error, of_error, of_text, ok, warn
from liploc_ros.doctor.graph.snapshot import GraphSnapshot
from liploc_ros.doctor.installation.dds import remedy
from liploc_ros.errors import LiplocError

MIN_RATES = {"images": 1.0, "odometry": 5.0, "scans": 1.0, "CameraInfo": 0.0}
"""Rates below which results get worse [Hz]: tracking needs an image per second, and interpolated odometry."""
MAX_LAG = 1.0  # s between the stamps of images or scans and those of odometry
LATE = 0.5  # s of delay of images above which poses come late
OTHER_TOPICS = "; topics of type "  # in a reason for silence, before topics that could be meant
NODE_LEVELS = (Level.OK, Level.WARN, Level.ERROR, Level.ERROR)

GraphCheck = Callable[[GraphSnapshot], Iterable[Finding]]


def in_graph(check: GraphCheck) -> Callable[[Examination], Iterable[Finding]]:
    """Return a check that yields nothing if the graph is not listened to."""

    def run(examination: Examination) -> Iterable[Finding]:
        graph = examination.graph
        return () if graph is None or isinstance(graph, LiplocError) else check(graph)

    return run


def check_nodes(examination: Examination) -> Iterable[Finding]:
    """Tell which nodes run."""
    graph = examination.graph
    if isinstance(graph, LiplocError):
        yield of_error(graph)
    elif graph is None:
        reason = "as requested" if examination.has_ros else "ROS 2 or the messages are not installed"
        yield ok(f"not looked at: {reason}")
    elif not graph.nodes:
        seen = f"; {len(graph.topics)} topics of sensors" if graph.topics else ", no sensor publishes"
        yield ok(
            f"no localizer and no map_builder runs{seen}. If they do: check ROS_DOMAIN_ID and "
            "ROS_AUTOMATIC_DISCOVERY_RANGE of both shells"
        )
    else:
        for node in graph.nodes:
            if not node.parameters:
                yield error(f"{node.name} does not respond", "see its log; restart it")
            elif not node.is_configured:
                yield warn(f"{node.name} is not configured", f"ros2 lifecycle set {node.name} configure, then activate")
            elif node.kind == "localizer" and not node.map_path:
                yield warn(f"{node.name} has published no map: it is not active", "see its log, or activate it")
            else:
                yield ok(f"{node.name} ({node.kind}){f' on {node.map_path}' if node.map_path else ''}")


def check_ros_clock(graph: GraphSnapshot) -> Iterable[Finding]:
    """Check that /clock is published where nodes use it, and only there."""
    simulated = [node.name for node in graph.nodes if node.parameters.get("use_sim_time")]
    real = [node.name for node in graph.nodes if node.parameters and node.name not in simulated]
    clock = graph.clock
    if simulated and not clock.messages:
        why = "has no publisher" if not clock.publishers else f"is not sent by {', '.join(clock.publishers)}"
        yield error(
            f"{', '.join(simulated)}: use_sim_time is set, but /clock {why}: time stands still",
            "set use_sim_time to false, or play the bag with --clock (liploc play does so)",
        )
    elif simulated and clock.advanced <= 0:
        yield warn("/clock stands still", "start the simulation or the bag again")
    elif real and clock.messages:
        yield warn(
            f"/clock is published by {', '.join(clock.publishers)}, but {', '.join(real)} does not use it",
            "set use_sim_time to true where a bag or a simulator is used, otherwise stop it",
        )
    if len(clock.publishers) > 1:
        yield warn(f"/clock has {len(clock.publishers)} publishers: {', '.join(clock.publishers)}", "stop all but one")
    if simulated and clock.advanced > 0:
        yield ok(f"/clock advanced by {clock.advanced:.1f} s in {graph.duration:.1f} s, used by {', '.join(simulated)}")
    elif graph.nodes and not simulated and not clock.messages:
        yield ok("the nodes use the clock of the computer")


def check_topics(graph: GraphSnapshot) -> Iterable[Finding]:
    """Check types and rates of the inputs, and that messages can be read."""
    for topic in graph.topics.values():
        names = ", ".join(name.replace("/msg/", "/") for name in topic.types)
        if len(topic.types) > 1:
            yield error(f"{topic.name} is published with several types: {names}", "give each type its own topic")
        if topic.silence:
            level = Level.ERROR if topic.wanted_by else Level.WARN
            if OTHER_TOPICS in topic.silence:
                yield Finding(level, topic.silence, "name one of them in the parameter, or start the publisher")
            else:
                yield of_text(level, topic.silence)
            continue
        if topic.fault:
            yield of_text(Level.ERROR, topic.fault)
        if topic.loss:
            yield of_text(Level.WARN, topic.loss)
        if topic.messages > 1 and topic.rate < MIN_RATES[topic.kind]:
            yield warn(
                f"{topic.name}: {topic.rate:.1f} {topic.kind} per second",
                f"publish at least {MIN_RATES[topic.kind]:g} Hz",
            )
        elif topic.messages == 1 and topic.kind in ("images", "odometry"):
            yield warn(f"{topic.name}: one message in {graph.duration:.0f} s", "check the driver")
        else:
            rate = f"{topic.rate:.1f} Hz" if topic.messages > 1 else "one message"
            yield ok(f"{topic.name}: {names}, {rate}, {topic.max_bytes / 1e6:.2f} MB")


def check_qos(graph: GraphSnapshot) -> Iterable[Finding]:
    """Check that the subscriptions of the nodes match the publishers."""
    lines = [line for topic in graph.topics.values() for line in topic.mismatches]
    yield from (of_text(Level.ERROR, line) for line in lines)
    wanted = [topic for topic in graph.topics.values() if topic.wanted_by and topic.publishers]
    if wanted and not lines:
        yield ok(f"matches on {len(wanted)} topics")


def check_shared_memory(graph: GraphSnapshot) -> Iterable[Finding]:
    """Compare the messages with the shared-memory segments of the processes that publish them on this computer."""
    for topic in graph.topics.values():
        for publisher in topic.publishers:
            if publisher.segment is None or not topic.max_bytes or topic.kind not in ("images", "scans"):
                continue
            sizes = f"messages of {topic.max_bytes / 1e6:.1f} MB, segment of {publisher.segment / 1e6:.1f} MB"
            if publisher.segment < topic.max_bytes:
                yield warn(f"{topic.name}: {publisher.node} has {sizes}: messages are lost or late", remedy())
            else:
                yield ok(f"{topic.name}: {publisher.node} has {sizes}")


def check_stamps(graph: GraphSnapshot) -> Iterable[Finding]:
    """Check the stamps against the clock of the nodes, and against those of odometry."""
    for topic in graph.topics.values():
        if topic.kind == "CameraInfo":  # its stamps are not used
            continue
        yield from (
            of_text(Level.ERROR if is_refused and topic.wanted_by else Level.WARN, text)
            for text, is_refused in topic.stamp_faults
        )
        if topic.age is None or topic.stamp_faults:
            continue
        if topic.kind == "images" and topic.age > LATE:
            yield warn(
                f"{topic.name}: images arrive {topic.age:.2f} s after their stamps",
                "lower the rate or size of the images",
            )
        else:
            yield ok(f"{topic.name}: stamps are {1e3 * topic.age:.0f} ms old")
    yield from _lags(graph)


def _lags(graph: GraphSnapshot) -> Iterable[Finding]:
    for odometry in graph.of_kind("odometry"):
        for topic in (*graph.of_kind("images"), *graph.of_kind("scans")):
            if not set(odometry.wanted_by) & set(topic.wanted_by):
                continue
            if not (odometry.last_stamp_ns and topic.last_stamp_ns):
                continue
            lag = 1e-9 * (topic.last_stamp_ns - odometry.last_stamp_ns)
            if abs(lag) > MAX_LAG + (1 / topic.rate if topic.rate else 0.0) + (
                1 / odometry.rate if odometry.rate else 0
            ):
                word = "newer" if lag > 0 else "older"
                yield error(
                    f"the stamps of {topic.name} are {abs(lag):.1f} s {word} than those of {odometry.name}: odometry "
                    "cannot be used",
                    "synchronize the clocks of the sensors (PTP, NTP)",
                )


def check_diagnostics(graph: GraphSnapshot) -> Iterable[Finding]:
    """Repeat what the nodes say about themselves, with the estimated error of mounts."""
    for status in graph.diagnostics:
        level = NODE_LEVELS[min(status.level, len(NODE_LEVELS) - 1)]
        tilt = status.values.get("tilt [deg]", "")
        mount = f"; error of the mount: {tilt}" if tilt else ""
        if level is Level.OK:
            yield ok(f"{status.name}: {status.message}{mount}")
        else:
            found = of_text(level, f"{status.name}: {status.message}")
            has_remedy = status.message.rpartition(": ")[2] == found.remedy and ": " in status.message
            yield (
                found
                if has_remedy
                else Finding(
                    level, f"{status.name}: {status.message}", "see the log of the node, and docs/nodes.md, Diagnostics"
                )
            )
