"""ROS parameters declared from one table: a pydantic model with descriptions, defaults and ranges."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from liploc_ros.errors import LiplocError

Model = TypeVar("Model", bound=BaseModel)

ROS_TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
}
ROS_ARRAY_TYPES = {
    int: Parameter.Type.INTEGER_ARRAY,
    float: Parameter.Type.DOUBLE_ARRAY,
    str: Parameter.Type.STRING_ARRAY,
}
EXAMPLES = {
    "BOOL": "true",
    "INTEGER": "5",
    "INTEGER_ARRAY": "[1, 2]",
    "DOUBLE": "5.0",
    "DOUBLE_ARRAY": "[1.0, 2.0]",
    "STRING": "'text'",
    "STRING_ARRAY": "['text']",
}
OF_EVERY_NODE = ("use_sim_time", "start_type_description_service")
PREFIXES_OF_EVERY_NODE = ("qos_overrides.",)
LARGEST_INTEGER = 2**31 - 1


class ParameterError(LiplocError):
    """A parameter that is not known, or a value that cannot be used."""


def declare(node: Node, table: type[Model]) -> Model:
    """Declare every field of a table as a parameter of the node, and return the values.

    A field without a default value (None or an empty tuple) is declared by its type and stays unset.

    Raises:
        ParameterError: a value of the wrong type or out of range, or a parameter that the table has not.
    """
    refuse_unknown(node, table)
    for name, field in table.model_fields.items():
        try:
            node.declare_parameter(name, _default(field), descriptor(field))
        except InvalidParameterTypeException as error:
            given = node._parameter_overrides[name].value
            kind = ros_type(field).name
            raise ParameterError(
                f"parameter {name} = {given!r}: expected {kind.lower().replace('_', ' ')}, such as {EXAMPLES[kind]}"
            ) from error
        except InvalidParameterValueException as error:
            given = node._parameter_overrides[name].value
            raise ParameterError(f"parameter {name} = {given!r}: expected {_range_in_words(field)}") from error
    return read(node, table)


def read(node: Node, table: type[Model]) -> Model:
    """Return the values of the node's parameters.

    Raises:
        ParameterError: values that the table does not allow.
    """
    values = {}
    for name in table.model_fields:
        # A parameter that is declared by its type has no value until one is given, and get_parameter raises.
        value = node.get_parameter_or(name).value
        if value is not None:
            values[name] = value if isinstance(value, str | bool | int | float) else list(value)
    return check(table, values)


def check(table: type[Model], values: dict[str, Any]) -> Model:
    """Return the table with these values.

    Raises:
        ParameterError: values that the table does not allow.
    """
    try:
        return table.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "together"
        raise ParameterError(f"parameter {name} = {first['input']!r}: {first['msg']}") from error


def refuse_unknown(node: Node, table: type[BaseModel]) -> None:
    """Raise ParameterError for a parameter that was given, in a YAML file or by -p, and that the table has not.

    ROS itself passes over them in silence, so that a misspelt parameter is one that has no effect.
    """
    known = [*table.model_fields, *OF_EVERY_NODE]
    for name in node._parameter_overrides:  # rclpy has no public name for what was given
        if name in known or name.startswith(PREFIXES_OF_EVERY_NODE):
            continue
        nearest = difflib.get_close_matches(name, known, 1, 0.5)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(table.model_fields)}"
        raise ParameterError(f"parameter {name} of node {node.get_name()} is not known: {hint}")


def guard(node: Node, table: type[BaseModel], refusal: Callable[[], str | None]) -> None:
    """Check later changes of parameters against the table, and refuse them while ``refusal`` gives a reason."""

    def on_set(changes: list[Any]) -> SetParametersResult:
        changes = [p for p in changes if p.name in table.model_fields]
        reason = refusal() if changes else None
        if reason is None and changes:
            reason = _fault(node, table, {p.name: p.value for p in changes})
        return SetParametersResult(successful=reason is None, reason=reason or "")

    node.add_on_set_parameters_callback(on_set)


def _fault(node: Node, table: type[BaseModel], changes: dict[str, Any]) -> str | None:
    try:
        check(table, {**read(node, table).model_dump(exclude_unset=True), **changes})
    except ParameterError as error:
        return str(error)
    return None


def check_topic(node: Node, name: str, topic: str) -> None:
    """Raise ParameterError if the parameter of this name gives a topic that ROS does not allow."""
    try:
        node.resolve_topic_name(topic)
    except RuntimeError as error:  # rclpy's own class for it is private
        reason = str(error).removeprefix("failed to resolve name: ").partition(", at ")[0]
        raise ParameterError(f"parameter {name} = {topic!r}: {' '.join(reason.split())}") from error


def ros_type(field: FieldInfo) -> Parameter.Type:
    """Return the type of the parameter that a field is declared as."""
    kind: Any = field.annotation
    if get_origin(kind) in (Union, UnionType):
        kind = next(k for k in get_args(kind) if k is not NoneType)
    if get_origin(kind) is tuple:
        return ROS_ARRAY_TYPES[get_args(kind)[0]]
    if kind in ROS_TYPES:
        return ROS_TYPES[kind]
    return ROS_TYPES[type(get_args(kind)[0])]  # a Literal


def descriptor(field: FieldInfo) -> ParameterDescriptor:
    """Return description, range and whether the parameter can only be given at the start."""
    result = ParameterDescriptor(description=field.description or "", read_only=is_read_only(field))
    low, high = bounds(field)
    choices = choices_of(field)
    if choices:
        result.additional_constraints = f"one of {', '.join(choices)}"
    if low is None and high is None:
        return result
    if ros_type(field) is Parameter.Type.INTEGER:
        span = IntegerRange(from_value=int(low or 0), to_value=int(LARGEST_INTEGER if high is None else high), step=1)
        result.integer_range = [span]
    elif ros_type(field) is Parameter.Type.DOUBLE:
        least, most = (-1e9 if low is None else float(low)), (1e9 if high is None else float(high))
        result.floating_point_range = [FloatingPointRange(from_value=least, to_value=most, step=0.0)]
    return result


def bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Return the least and the largest value, None where there is none; exclusive bounds are checked by the table."""
    low = _constraint(field.metadata, ("ge", "gt"))
    high = _constraint(field.metadata, ("le", "lt"))
    return low, high


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the values that a field with a Literal type can have."""
    return tuple(a for a in get_args(field.annotation) if isinstance(a, str))


def is_read_only(field: FieldInfo) -> bool:
    """Say whether the parameter can only be given at the start."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("read_only"))


def markdown_table(table: type[BaseModel]) -> str:
    """Return the table for the documentation; a test compares the two."""
    rows = ["| parameter | type | default | range | meaning |", "|---|---|---|---|---|"]
    for name, field in table.model_fields.items():
        default = _default(field)
        shown = "unset" if isinstance(default, Parameter.Type) else f"`{_yaml(default)}`"
        rows.append(
            f"| `{name}` | {ros_type(field).name.lower().replace('_', ' ')} | {shown} | {_range_in_words(field)} "
            f"| {field.description} |"
        )
    return "\n".join(rows) + "\n"


def _range_in_words(field: FieldInfo) -> str:
    low, high = bounds(field)
    parts = [", ".join(choices_of(field))]
    if low is not None:
        parts.append(f"{'above' if _constraint(field.metadata, ('gt',)) is not None else 'from'} {low:g}")
    if high is not None:
        parts.append(f"{'below' if _constraint(field.metadata, ('lt',)) is not None else 'to'} {high:g}")
    return " ".join(part for part in parts if part)


def _constraint(metadata: Iterable[Any], names: Sequence[str]) -> float | None:
    found = [getattr(item, name) for item in metadata for name in names if hasattr(item, name)]
    return float(found[0]) if found else None


def _default(field: FieldInfo) -> Any:
    value = field.get_default()
    if value is None or value == ():
        return ros_type(field)
    return list(value) if isinstance(value, tuple) else value


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
