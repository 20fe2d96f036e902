"""Declaring, reading and checking the parameters of a node, all from one table."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common.parameter_table import nested, parameters_of
from liploc_ros.schema import first_fault

Table = TypeVar("Table", bound=BaseModel)

EXAMPLES = {
    "bool": "true",
    "integer": "5",
    "double": "5.0",
    "string": "'text'",
    "string array": "['text']",
}
NAMES_OF_EVERY_NODE = ("use_sim_time", "start_type_description_service")
PREFIXES_OF_EVERY_NODE = ("qos_overrides.",)


class ParameterError(LiplocError):
    """An unknown parameter, or a value that cannot be used."""


def declare(node: Node, table: type[Table]) -> Table:
    """Declare every parameter of a table on the node, and return the values.

    Raises:
        ParameterError: a value of the wrong type or out of range, or a parameter that is not in the table.
    """
    reject_unknown(node, table)
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
    """Raise ParameterError if a parameter that is not in the table was given, by a YAML file or by -p.

    ROS itself ignores unknown parameters, so a misspelt one would have no effect.
    """
    known = [*(spec.name for spec in parameters_of(table)), *NAMES_OF_EVERY_NODE]
    for name in node._parameter_overrides:  # rclpy has no public name for it
        if name not in known and not name.startswith(PREFIXES_OF_EVERY_NODE):
            raise ParameterError(f"parameter {name} of node {node.get_name()} is not known: {_hint(name, known)}")


def guard_changes(node: Node, table: type[BaseModel], refusal: Callable[[], str | None]) -> None:
    """Check later changes of parameters against the table; refuse all of them while ``refusal`` returns a reason."""
    names = {spec.name for spec in parameters_of(table)}

    def on_set(parameters: list[Any]) -> SetParametersResult:
        changes = {parameter.name: parameter.value for parameter in parameters if parameter.name in names}
        reason = refusal() if changes else None
        if reason is None and changes:
            reason = _fault(node, table, changes)
        return SetParametersResult(successful=reason is None, reason=reason or "")

    node.add_on_set_parameters_callback(on_set)


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


def _values(node: Node, table: type[BaseModel]) -> dict[str, Any]:
    values = {spec.name: node.get_parameter(spec.name).value for spec in parameters_of(table)}
    return {
        name: value if isinstance(value, str | bool | int | float) else list(value) for name, value in values.items()
    }


def _fault(node: Node, table: type[BaseModel], changes: Mapping[str, Any]) -> str | None:
    try:
        check(table, {**_values(node, table), **changes})
    except ParameterError as error:
        return str(error)
    return None


def _hint(name: str, known: list[str]) -> str:
    """Return what an unknown name probably means: one in another group, a whole group, or the nearest name."""
    last = name.rpartition(".")[2]
    meant = [other for other in known if other.rpartition(".")[2] == last]
    meant = meant or [other for other in known if other == f"{name}.enabled"]
    meant = meant or difflib.get_close_matches(name, known, 1, 0.5)
    return f"did you mean {' or '.join(meant)}?" if meant else "the parameters are listed in docs/nodes.md"
