# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Worker processes that draw samples and batches ahead of their use."""

import multiprocessing
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from liploc_ros.errors import LiplocError
from liploc_ros.threads import limit_threads

MAX_WORKERS = 16  # by default; more draw faster than any GPU trains
PREFETCH = 2  # items that each worker draws ahead
PRELOADED = "liploc_ros.learning.registry"  # with torch, OpenCV and all methods

T = TypeVar("T")


class WorkerError(LiplocError):
    """A worker process died, or could not draw an item."""


def default_workers() -> int:
    """Return the number of cores that this process may use, at most ``MAX_WORKERS``.

    The processes that torchrun starts on one machine share its cores.
    """
    cores = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return min(MAX_WORKERS, max(1, cores))


def default_batch_workers() -> int:
    """Return the number of processes that draw batches: on a CPU none.

    There the steps use all cores, and drawing a batch takes less than a twentieth of the time of a step.
    """
    return default_workers() if torch.cuda.is_available() else 0


def draw_ahead(
    dataset: "Dataset[T]", order: Sequence[int], workers: int, what: str, *, pin_memory: bool = False
) -> Iterator[T]:
    """Yield the items of a dataset in the given order, drawn ahead by worker processes.

    The items do not depend on the number of workers. Worker k draws the items k, k + workers, ... of the order. The
    processes end when the iterator is exhausted or closed.

    Workers are forked from a server process that has no threads and no GPU context, so they are safe whatever this
    process has started before. The dataset is pickled for them.

    Args:
        dataset: draws the items.
        order: of the indices.
        workers: number of processes; 0: the items are drawn in this process when they are needed.
        what: the items, for error messages, such as "batches".
        pin_memory: whether tensors are copied to pinned memory, from which a GPU reads without waiting.

    Raises:
        WorkerError: a process died, or an item could not be drawn.
        LiplocError: raised by the dataset, without worker processes.
    """
    if workers == 0:
        yield from DataLoader(dataset, None, sampler=order, collate_fn=_unchanged, pin_memory=pin_memory)
        return
    items: Iterator[T | _Failure] = _items(_Guarded(dataset, what), order, workers, pin_memory)
    while True:
        death = None
        try:
            item = next(items)
        except StopIteration:
            return
        except RuntimeError as error:
            death = str(error)
        if death is not None:  # outside of the except clause, where the traceback would keep the processes alive
            reason = _reason(items) or " ".join(death.split())
            del items
            raise WorkerError(
                f"a process that draws {what} ended ({reason}): if memory is scarce, use fewer with --workers "
                f"(now {workers}; 0: none)"
            )
        if isinstance(item, _Failure):
            del items
            raise WorkerError(item.reason) from _RemoteTracebackError(item.trace)
        yield item


@dataclass(frozen=True)
class _Failure:
    """The exception of a worker, as one line and with its traceback."""

    reason: str
    trace: str


class _RemoteTracebackError(Exception):
    """Shows the traceback of a worker as the cause of an error."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Guarded(Dataset[Any], Generic[T]):
    """A dataset that returns exceptions as failures."""

    def __init__(self, dataset: "Dataset[T]", what: str) -> None:
        self._dataset, self._what = dataset, what

    def __getitem__(self, index: int) -> "T | _Failure":
        try:
            item: T = self._dataset[index]
            return item
        except Exception as error:
            text = " ".join(str(error).split())
            is_known = isinstance(error, LiplocError)
            reason = text if is_known else f"{self._what} cannot be drawn: {type(error).__name__}: {text}"
            return _Failure(reason, traceback.format_exc())


def _items(dataset: "Dataset[T]", order: Sequence[int], workers: int, pin_memory: bool) -> Iterator[T]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # more workers than cores, as demanded
        loader: DataLoader[T] = DataLoader(
            dataset,
            batch_size=None,
            sampler=order,
            num_workers=workers,
            prefetch_factor=PREFETCH,
            collate_fn=_unchanged,
            pin_memory=pin_memory,
            worker_init_fn=_start,
            multiprocessing_context=context,
            generator=torch.Generator(),  # the global one belongs to the training
        )
        return iter(loader)


def _unchanged(item: T) -> T:
    return item


def _start(worker: int) -> None:
    """Prepare a worker: one thread, and Ctrl-C is left to the process that trains."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    limit_threads()


def _end_with_parent() -> None:
    """End this process when its parent has ended, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _reason(items: Iterator[Any]) -> str:
    """Return how the first process that died has ended; empty if it is not known."""
    codes = (process.exitcode for process in getattr(items, "_workers", ()))
    code = next((code for code in codes if code), 0)
    if code < 0:
        name = signal.Signals(-code).name
        return f"{name}: /dev/shm is full" if name == "SIGBUS" else name
    return f"exit status {code}" if code else ""
