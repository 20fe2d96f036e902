# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tables of ROS parameters: pydantic models whose fields give type, default, range and description.

A field that is itself a model is a group: its fields are the parameters ``group.field``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.parameter import Parameter

ROS_TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
    tuple: Parameter.Type.STRING_ARRAY,
}
MAX_INTEGER = 2**31 - 1
MAX_DOUBLE = 1e9


def _without_empty(entries: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(entry for entry in entries if entry)


StringArray = Annotated[tuple[str, ...], AfterValidator(_without_empty)]
"""A string array parameter. Empty entries are ignored: ROS has no type for an empty list, so its value is ['']."""


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter of a table.

    Attributes:
        name: with the names of its groups: ``group.field``.
        field: its description, constraints and type.
        default: in the type of ROS: a list for an array.
    """

    name: str
    field: FieldInfo
    default: bool | int | float | str | list[str]

    @property
    def ros_type(self) -> Parameter.Type:
        """Type that the parameter is declared with."""
        kind: Any = self.field.annotation
        if get_origin(kind) is Literal:
            return ROS_TYPES[type(get_args(kind)[0])]
        return ROS_TYPES[get_origin(kind) or kind]

    @property
    def type_name(self) -> str:
        """Name of the type, as in ``string array``."""
        return str(self.ros_type.name).lower().replace("_", " ")

    @property
    def choices(self) -> tuple[str, ...]:
        """Values allowed by a Literal type."""
        return tuple(choice for choice in get_args(self.field.annotation) if isinstance(choice, str))

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Minimum and maximum, None if unbounded. Exclusive bounds are checked by the model."""
        return _constraint(self.field, ("ge", "gt")), _constraint(self.field, ("le", "lt"))

    @property
    def range_text(self) -> str:
        """Choices or range, as in ``above 0 to 1``."""
        low, high = self.bounds
        parts = [", ".join(self.choices)]
        if low is not None:
            parts.append(f"{'above' if _constraint(self.field, ('gt',)) is not None else 'from'} {low:g}")
        if high is not None:
            parts.append(f"{'below' if _constraint(self.field, ('lt',)) is not None else 'to'} {high:g}")
        return " ".join(part for part in parts if part)

    def descriptor(self) -> ParameterDescriptor:
        """Return description, range and whether the parameter can only be set at the start."""
        extra = self.field.json_schema_extra
        is_read_only = isinstance(extra, dict) and bool(extra.get("read_only"))
        result = ParameterDescriptor(description=self.field.description or "", read_only=is_read_only)
        if self.choices:
            result.additional_constraints = f"one of {', '.join(self.choices)}"
        low, high = self.bounds
        if low is None and high is None:
            return result
        if self.ros_type is Parameter.Type.INTEGER:
            to_value = MAX_INTEGER if high is None else int(high)
            result.integer_range = [IntegerRange(from_value=int(low or 0), to_value=to_value, step=1)]
        elif self.ros_type is Parameter.Type.DOUBLE:
            limits = (-MAX_DOUBLE if low is None else low, MAX_DOUBLE if high is None else high)
            result.floating_point_range = [FloatingPointRange(from_value=limits[0], to_value=limits[1], step=0.0)]
        return result


def parameters_of(table: type[BaseModel], prefix: str = "", defaults: BaseModel | None = None) -> list[ParameterSpec]:
    """Return all parameters of a table, those of groups included, in the order of the fields.

    Args:
        table: the model.
        prefix: of the names, with its dot.
        defaults: an instance that holds the defaults; those of the fields if None.
    """
    specs: list[ParameterSpec] = []
    for name, field in table.model_fields.items():
        default = field.get_default(call_default_factory=True) if defaults is None else getattr(defaults, name)
        group = group_type(field)
        if group is not None:
            specs += parameters_of(group, f"{prefix}{name}.", default)
        else:
            specs.append(ParameterSpec(f"{prefix}{name}", field, _ros_value(default)))
    return specs


def group_type(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a group."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by dotted name as nested dictionaries, as a model takes them."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        *groups, last = name.split(".")
        level = result
        for group in groups:
            level = level.setdefault(group, {})
        level[last] = value
    return result


def markdown_table(table: type[BaseModel]) -> str:
    """Return the table for the documentation. A test compares the two."""
    rows = ["| parameter | type | default | range | meaning |", "|---|---|---|---|---|"]
    rows += [
        f"| `{spec.name}` | {spec.type_name} | `{_yaml(spec.default)}` | {spec.range_text} | {spec.field.description} |"
        for spec in parameters_of(table)
    ]
    return "\n".join(rows) + "\n"


def _constraint(field: FieldInfo, names: Sequence[str]) -> float | None:
    metadata: Iterable[Any] = field.metadata
    found = [getattr(item, name) for item in metadata for name in names if hasattr(item, name)]
    return float(found[0]) if found else None


def _ros_value(default: Any) -> Any:
    return (list(default) or [""]) if isinstance(default, tuple) else default


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
