# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Compare the features of a camera view with windows of the map's panoramas."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from liploc_ros.encoders.spec import ConfidenceModel

MIN_COLUMN_SIMILARITY = 0.4  # with which confidence models are fitted; see compare_features
SHARPNESS = np.float32(20.0)  # inverse temperature of the softmax in which a cell chooses among the cells of its row
SMALLEST = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Comparison:
    """A view compared with M windows, each shifted by S whole columns.

    Attributes:
        row_scores: (M, S, 2 h) similarity of each row of cells, then its distinctiveness; see :func:`compare_features`.
        similarity: (M, S) mean cosine of the cells that both sides see, -1 to 1.
        seen: (M, S) share of the cells of a view that both sides see, 0 to 1.
    """

    row_scores: NDArray[np.float32]
    similarity: NDArray[np.float32]
    seen: NDArray[np.float32]


def compare_features(
    features: NDArray[np.float32],
    windows: NDArray[np.float32],
    returned: NDArray[np.bool_],
    min_column_similarity: float = -1.0,
) -> Comparison:
    """Compare a view with windows of panoramas at every shift of whole columns.

    The *similarity* of a row is the mean cosine of the cells that both sides see. A vehicle that hides the place covers
    whole columns of a view, which then agree with no place: the cosines of a column whose mean is below
    ``min_column_similarity`` are raised by the difference. The *distinctiveness* of a row is the
    mean of ``max(0, log(n p))``: p is the softmax probability (sharpness 20) with which a cell of the view chooses
    its counterpart among the n cells of the same row of the window. It is 0 for a cell that resembles all others, such
    as road surface, and log n for a cell that is unique. Cells that only one side sees are ignored: neither a narrow
    field of view nor a hole in the map lowers the scores.

    Args:
        features: (h, w, D) of the view, 0 where the camera sees nothing.
        windows: (M, W, h, D) of the panoramas, whose inner products with the view are cosines; W is larger than w by
            the number of shifts less one. Those of cells without a return are ignored.
        returned: (M, W, h) cells of the windows with a return.
        min_column_similarity: see above; -1 for no limit. Without effect on one embedding per image.
    """
    (count, columns, height, channels), width = windows.shape, features.shape[1]
    # Row by row: one product of all columns of all windows with the view. BLAS takes the strided windows as they are.
    # The factor of the softmax is multiplied into the view, which is smaller than the products.
    by_row = windows.reshape(count * columns, height, channels).transpose(1, 0, 2)
    products = np.matmul(by_row, SHARPNESS * features.transpose(0, 2, 1)).reshape(height, count, columns, width)
    returned_by_row = np.ascontiguousarray(returned.transpose(2, 0, 1), np.float32)  # (h, M, W)
    products *= returned_by_row[..., None]
    visible = np.any(features != 0, axis=-1)
    cells = _window_sums_where(returned_by_row, visible)  # that both sides see
    cosines = np.ascontiguousarray(_counterparts(products)) / SHARPNESS  # 0 for a cell that only one side sees
    sums = _sum_over_cells(cosines)
    seen = cells.sum(axis=0)
    similarity = sums.sum(axis=0) / np.maximum(seen, 1)
    if features[..., 0].size == 1:  # one embedding per image: there are no other cells to choose from
        distinctiveness = np.zeros_like(sums)
    else:
        if min_column_similarity > -1:
            sums += _raised_columns(cosines, returned_by_row, visible, min_column_similarity)
        distinctiveness = _sum_over_cells(_distinctiveness(products, returned_by_row))
    row_scores = np.concatenate([sums, distinctiveness]) / np.tile(np.maximum(cells, 1), (2, 1, 1))
    return Comparison(row_scores.transpose(1, 2, 0), similarity, seen / np.float32(features[..., 0].size))


@dataclass(frozen=True)
class MatchScore:
    """How a comparison becomes a match score.

    Attributes:
        row_weights: (2 h,) weights of the row scores [log-odds per unit].
        min_column_similarity: see :func:`compare_features`.
    """

    row_weights: NDArray[np.float32]
    min_column_similarity: float

    @classmethod
    def of(cls, confidence_model: ConfidenceModel, rows: int) -> "MatchScore":
        """Return that of a confidence model; one that was never fitted weighs similarity alone, by its temperature."""
        weights = np.array(confidence_model.score_weights, np.float32)
        if len(weights) != 2 * rows:
            weights = np.zeros(2 * rows, np.float32)
            weights[:rows] = 1 / (confidence_model.temperature * rows)
        return cls(weights, confidence_model.min_column_similarity)


def _raised_columns(
    cosines: NDArray[np.float32], returned: NDArray[np.float32], visible: NDArray[np.bool_], lowest: float
) -> NDArray[np.float32]:
    """Return what is added to the sums (h, M, S) of cosines if no column of cells has a mean below the lowest.

    Args:
        cosines: (h, M, S, w) of each cell with its counterpart, 0 for a cell that only one side sees.
        returned: (h, M, W) 1 for cells of the windows with a return, otherwise 0.
        visible: (h, w) cells that the camera sees.
        lowest: mean cosine of a column.
    """
    width = visible.shape[1]
    both = sliding_window_view(returned, width, axis=2) * visible[:, None, None].astype(np.float32)  # (h, M, S, w)
    count = np.maximum(both.sum(axis=0), 1)
    raised = np.maximum(np.float32(lowest) - cosines.sum(axis=0) / count, 0)
    return np.asarray(np.einsum("hmsw,msw->hms", both, raised))


def _counterparts(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (h, M, S, w): of products (h, M, W, w) those of each cell with its counterpart at every shift."""
    height, count, columns, width = products.shape
    row, window, column, cell = products.strides
    shape, strides = (height, count, columns - width + 1, width), (row, window, column, column + cell)
    return as_strided(products, shape, strides, writeable=False)


def _distinctiveness(products: NDArray[np.float32], returned: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (h, M, S, w) ``max(0, log(n p))`` of each cell at every shift.

    Args:
        products: (h, M, W, w) times the sharpness; overwritten.
        returned: (h, M, W) 1 for cells with a return, otherwise 0.
    """
    width = products.shape[3]
    exponentials = np.exp(products, out=products)
    exponentials *= returned[..., None]  # cells without a return cannot be chosen
    choices = _window_sums_where(returned, np.ones((len(returned), width), np.bool_))
    counterpart = _counterparts(exponentials)
    total = _window_sums(exponentials, choices.shape[2])
    np.maximum(total, SMALLEST, out=total)  # a window without any return
    np_ = np.divide(counterpart, total, out=total)
    np_ *= choices[..., None]
    # A cell that the camera does not see resembles all others: its n p is 1.
    return np.asarray(np.log(np.maximum(np_, 1, out=np_), out=np_))


def _sum_over_cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums (h, M, S) over the cells of (h, M, S, w)."""
    return np.asarray(np.ascontiguousarray(values) @ np.ones(values.shape[3], np.float32))  # faster than sum(axis=3)


def _window_sums_where(values: NDArray[np.float32], cells: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the sums (h, M, S) of values (h, M, W) over the given cells (h, w) of each window."""
    (height, width), columns = cells.shape, values.shape[2]
    chosen = np.zeros((height, columns - width + 1, columns), np.float32)
    for shift in range(chosen.shape[1]):
        chosen[:, shift, shift : shift + width] = cells
    return np.asarray(np.matmul(values, chosen.transpose(0, 2, 1)))


def _window_sums(values: NDArray[np.float32], shifts: int) -> NDArray[np.float32]:
    """Return the sums (h, M, S, w) over the columns of each window of values (h, M, W, w).

    The columns that all windows share are summed once. Nothing is subtracted, which would leave rounding errors.
    """
    width = values.shape[2] - shifts + 1
    shared = values[:, :, shifts - 1 : width]
    ones = np.ones((1, shared.shape[2]), np.float32)  # a product is several times faster than sum(axis=2)
    sums = np.repeat(np.matmul(ones, shared), shifts, axis=2)
    left = np.zeros_like(sums[:, :, 0])
    right = np.zeros_like(left)
    for shift in range(1, shifts):
        right += values[:, :, width + shift - 1]
        sums[:, :, shift] += right
        left += values[:, :, shifts - 1 - shift]
        sums[:, :, shifts - 1 - shift] += left
    return sums
