# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Declaring, reading and checking the parameters of a node, all from one table."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterNotDeclaredException,
)
from rclpy.node import Node

from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common.parameter_names import hint, is_misspelt, name_with_hint, unknown_names
from liploc_ros.nodes.common.parameter_table import nested, parameters_of
from liploc_ros.nodes.common.qos_parameters import check_qos_overrides
from liploc_ros.schema import first_fault

Table = TypeVar("Table", bound=BaseModel)

EXAMPLES = {
    "bool": "true",
    "integer": "5",
    "double": "5.0",
    "string": "'text'",
    "string array": "['text']",
}


class ParameterError(LiplocError):
    """An unknown parameter, or a value that cannot be used."""


class UnknownParameterError(ParameterNotDeclaredException):
    """An unknown name in a request to set parameters. Its text becomes the reason in the response of the service."""

    def __init__(self, node: Node, name: str, known: list[str]) -> None:
        """Name the parameter, and the one that was probably meant."""
        super().__init__([name])
        self._reason = f"parameter {name} of node {node.get_name()} is not known: {hint(name, known)}"

    def __str__(self) -> str:
        """Return the reason in one line."""
        return self._reason


def declare(node: Node, table: type[Table]) -> Table:
    """Declare every parameter of a table on the node, and return the values.

    Raises:
        ParameterError: a value of the wrong type or out of range, or a misspelt name.
        QosParameterError: a quality of service that cannot be used.
    """
    reject_unknown(node, table)
    check_qos_overrides(node)
    for spec in parameters_of(table):
        try:
            node.declare_parameter(spec.name, spec.default, spec.descriptor())
        except InvalidParameterTypeException as error:
            given = node._parameter_overrides[spec.name].value
            raise ParameterError(
                f"parameter {spec.name} = {given!r}: expected {spec.type_name}, such as {EXAMPLES[spec.type_name]}"
            ) from error
        except InvalidParameterValueException as error:
            given = node._parameter_overrides[spec.name].value
            raise ParameterError(f"parameter {spec.name} = {given!r}: expected {spec.range_text}") from error
    return read(node, table)


def read(node: Node, table: type[Table]) -> Table:
    """Return the values of the node's parameters.

    Raises:
        ParameterError: the table does not allow a value.
    """
    return check(table, _values(node, table))


def check(table: type[Table], values: Mapping[str, Any]) -> Table:
    """Return the table with these values by dotted name.

    Raises:
        ParameterError: the table does not allow a value.
    """
    try:
        return table.model_validate(nested(values))
    except ValidationError as error:
        raise ParameterError(f"parameter {first_fault(error, show_input=True)}") from error


def reject_unknown(node: Node, table: type[BaseModel]) -> None:
    """Check the names that a YAML file or -p gave. Those of other nodes are ignored with a warning.

    Raises:
        ParameterError: a name is probably a misspelt one of this node.
    """
    known = _names(table)
    ignored = []
    for name in unknown_names(node._parameter_overrides, known):  # rclpy has no public name for it
        if is_misspelt(name, known):
            raise ParameterError(
                f"parameter {name} of node {node.get_name()} is not known: {hint(name, known)} (a parameter of another "
                "node belongs below the name of that node in the YAML file, not below /**)"
            )
        ignored.append(name_with_hint(name, known))
    if ignored:
        node.get_logger().warning(
            f"ignored parameters that are not known to {node.get_name()}: {', '.join(ignored)}; its parameters are "
            "listed in docs/nodes.md"
        )


def guard_changes(
    node: Node,
    table: type[Table],
    refusal: Callable[[frozenset[str], Table], str | None],
    apply: Callable[[Table], None] = lambda settings: None,
) -> None:
    """Check later changes of parameters, and apply them.

    Args:
        node: whose parameters were declared by :func:`declare`.
        table: of its parameters.
        refusal: returns why a change is refused, from the names that change and the new settings; or None.
        apply: called with the new settings after each change.
    """
    names = set(_names(table))

    def before_set(parameters: list[Any]) -> list[Any]:
        for parameter in parameters:
            if not node.has_parameter(parameter.name):
                raise UnknownParameterError(node, parameter.name, sorted(names))
        return parameters

    def on_set(parameters: list[Any]) -> SetParametersResult:
        current = _values(node, table)
        given = {parameter.name: parameter.value for parameter in parameters if parameter.name in names}
        changes = {name: value for name, value in given.items() if not _is_same(value, current[name])}
        reason = None
        if changes:
            try:
                reason = refusal(frozenset(changes), check(table, {**current, **changes}))
            except ParameterError as error:
                reason = str(error)
        return SetParametersResult(successful=reason is None, reason=reason or "")

    def after_set(parameters: list[Any]) -> None:
        if any(parameter.name in names for parameter in parameters):
            apply(read(node, table))

    node.add_pre_set_parameters_callback(before_set)
    node.add_on_set_parameters_callback(on_set)
    node.add_post_set_parameters_callback(after_set)


def check_topic(node: Node, name: str, topic: str) -> None:
    """Raise ParameterError if the parameter of this name holds a topic that ROS does not allow."""
    try:
        node.resolve_topic_name(topic)
    except RuntimeError as error:  # rclpy's own class for it is private
        reason = str(error).removeprefix("failed to resolve name: ").partition(", at ")[0]
        raise ParameterError(f"parameter {name} = {topic!r}: {' '.join(reason.split())}") from error


def resolved_name(node: Node, topic: str) -> str:
    """Return the full name of a topic, or the topic as it is if ROS does not allow it."""
    try:
        return str(node.resolve_topic_name(topic))
    except RuntimeError:
        return topic


def _names(table: type[BaseModel]) -> list[str]:
    return [spec.name for spec in parameters_of(table)]


def _values(node: Node, table: type[BaseModel]) -> dict[str, Any]:
    values = {name: node.get_parameter(name).value for name in _names(table)}
    return {
        name: value if isinstance(value, str | bool | int | float) else list(value) for name, value in values.items()
    }


def _is_same(value: Any, current: Any) -> bool:
    return bool(list(value) == current if isinstance(current, list) and value is not None else value == current)
