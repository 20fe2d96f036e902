# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The checkpoint of a training run: one file with everything that the next step depends on."""

import pickle
from pathlib import Path
from typing import Any

import torch

from liploc_ros.errors import LiplocError
from liploc_ros.files import FileError, open_atomic

CHECKPOINT_FILE = "checkpoint.pt"
FORMAT_VERSION = 2


class CheckpointError(LiplocError):
    """A checkpoint that cannot be used."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers and text; the previous file stays until the new one is on disk.

    Raises:
        FileError: it cannot be written.
    """
    with open_atomic(path) as file:
        try:
            torch.save({"format_version": FORMAT_VERSION, **state}, file)
        except RuntimeError as error:  # torch reports a full disk as a RuntimeError
            raise FileError(f"{path}: cannot be written ({error}): free space, or choose another folder") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return the saved state, with tensors on the CPU. Nothing in the file is executed.

    Raises:
        CheckpointError: the file is missing, damaged, or of another format.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version = int(state["format_version"])
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}): give a {CHECKPOINT_FILE}") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a complete checkpoint: train again, or give another file") from error
    if version != FORMAT_VERSION:
        remedy = "update liploc_ros" if version > FORMAT_VERSION else "train again, or use the version that wrote it"
        raise CheckpointError(f"{path}: checkpoint format {version}, this version reads {FORMAT_VERSION}: {remedy}")
    return state
