# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""JSON files that hold their own checksum, so that a changed byte is found."""

import hashlib
import json
import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from liploc_ros.schema import first_fault

M = TypeVar("M", bound=BaseModel)
HEAD = re.compile(rb'\{\n  "sha256": "([0-9a-f]{64})",\n')


class ChecksumError(ValueError):
    """A file that differs from its checksum, or that cannot be read at all. The message is the reason."""


def to_checksummed_json(model: BaseModel) -> bytes:
    """Return a model as JSON whose first key ``sha256`` is the hash of all bytes after the first two lines."""
    rest = model.model_dump_json(indent=2).encode().removeprefix(b"{\n") + b"\n"
    return b'{\n  "sha256": "' + hashlib.sha256(rest).hexdigest().encode() + b'",\n' + rest


def version_of(text: bytes) -> int | None:
    """Return the ``format_version`` of a JSON object, or None if it has none or is no JSON object."""
    try:
        version = json.loads(text)["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return version if isinstance(version, int) else None


def is_checksummed(text: bytes) -> bool:
    """Return whether a file begins with a checksum."""
    return HEAD.match(text) is not None


def read_checksummed_json(text: bytes, kind: type[M]) -> M:
    """Return the model in a file of :func:`to_checksummed_json`.

    Raises:
        ChecksumError: the bytes differ from the checksum, or are no such model.
    """
    head = HEAD.match(text)
    if head is None:
        raise ChecksumError("damaged, it does not begin with a checksum")
    rest = text[head.end() :]
    actual = hashlib.sha256(rest).hexdigest()
    if actual != head[1].decode():
        raise ChecksumError(f"damaged, checksum {actual[:12]} is not {head[1].decode()[:12]}")
    try:
        return kind.model_validate_json(b"{\n" + rest)
    except ValidationError as error:
        raise ChecksumError(first_fault(error)) from error
