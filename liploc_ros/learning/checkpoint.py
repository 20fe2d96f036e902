"""A training run on disk: all that the next step depends on, in one file."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from liploc_ros.errors import LiplocError

CHECKPOINT_FILE = "checkpoint.pt"
FORMAT_VERSION = 1


class CheckpointError(LiplocError):
    """A checkpoint that cannot be written or used."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers and text; the old file stays until the new one is whole.

    Raises:
        CheckpointError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            torch.save({"format_version": FORMAT_VERSION, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        draft.unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot be written ({error}): free space or choose another folder") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state that was saved, its tensors on the CPU; nothing in the file is executed.

    Raises:
        CheckpointError: the file is missing, damaged, or of a newer format.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version = int(state["format_version"])
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}): give a {CHECKPOINT_FILE}") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: no whole checkpoint: train again, or give another") from error
    if version > FORMAT_VERSION:
        raise CheckpointError(f"{path}: of format {version}, this version reads {FORMAT_VERSION}: update liploc_ros")
    return state
