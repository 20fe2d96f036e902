"""Compare the features of a camera view with windows of the map's panoramas."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from liploc_ros.encoders.spec import ConfidenceModel

SHARPNESS = 20.0  # inverse temperature of the softmax in which a cell chooses among the cells of its row


@dataclass(frozen=True)
class Comparison:
    """A view compared with M windows, each shifted by S whole columns.

    Attributes:
        row_scores: (M, S, 2 h) similarity of each row of cells, then its distinctiveness; see :func:`compare_features`.
        similarity: (M, S) mean cosine of the cells that both sides see, -1 to 1.
    """

    row_scores: NDArray[np.float32]
    similarity: NDArray[np.float32]


def compare_features(features: NDArray[np.float32], windows: NDArray[np.float32], reach: int) -> Comparison:
    """Compare a view (h, w, D) with windows (M, h, w + 2 reach, D) of panoramas at every shift of whole columns.

    The *similarity* of a row is the mean cosine of the cells that both sides see. The *distinctiveness* of a row is the
    mean of ``max(0, log(n p))``, where p is the softmax probability (sharpness 20) with which a cell of the view
    chooses its counterpart among the n cells of the same row of the window. It is 0 for a cell that resembles all
    others, such as road surface, and log n for a cell that is unique. Cells that only one side sees are ignored:
    neither a narrow field of view nor a hole in the map lowers the scores.
    """
    products = np.matmul(features[None], windows.transpose(0, 1, 3, 2))  # (M, h, w, w + 2 reach)
    visible, returned = np.any(features != 0, axis=-1), np.any(windows != 0, axis=-1)
    cosines = _counterparts(products)  # (M, h, w, S), as are `both` and the distinctiveness
    both = visible[..., None] & sliding_window_view(returned, features.shape[1], axis=2).transpose(0, 1, 3, 2)
    count = both.sum(axis=2, dtype=np.float32)
    cosines *= both
    similarity = cosines.sum(axis=(1, 2)) / np.maximum(count.sum(axis=1), 1)
    scores = [cosines.sum(axis=2) / np.maximum(count, 1)]
    if visible.size == 1:  # one embedding per image: there are no other cells to choose from
        scores.append(np.zeros_like(scores[0]))
    else:
        distinctiveness = _distinctiveness(products, cosines, returned) * both
        scores.append(distinctiveness.sum(axis=2) / np.maximum(count, 1))
    return Comparison(np.concatenate(scores, axis=1).transpose(0, 2, 1), similarity)


def score_weights(confidence_model: ConfidenceModel, rows: int) -> NDArray[np.float32]:
    """Return the (2 rows,) weights of the row scores in the match score [log-odds per unit].

    A confidence model that was never fitted weighs similarity alone, by its temperature.
    """
    if len(confidence_model.score_weights) == 2 * rows:
        return np.array(confidence_model.score_weights, np.float32)
    weights = np.zeros(2 * rows, np.float32)
    weights[:rows] = 1 / (confidence_model.temperature * rows)
    return weights


def _counterparts(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the products (M, h, w, S) of each cell with its counterpart at every shift."""
    *outer, width, columns = products.shape
    *strides, row, column = products.strides
    shape = (*outer, width, columns - width + 1)
    view = as_strided(products, shape, (*strides, row + column, column), writeable=False)
    return np.array(view)


def _distinctiveness(
    products: NDArray[np.float32], cosines: NDArray[np.float32], returned: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return (M, h, w, S) ``max(0, log(n p))`` of each cell at every shift."""
    width, columns = products.shape[2:]
    inside = sliding_window_view(np.eye(columns, dtype=np.float32), width, axis=0).sum(axis=2).T  # (columns, S)
    choices = returned.astype(np.float32) @ inside  # (M, h, S)
    exponentials = products * np.float32(SHARPNESS)
    np.exp(exponentials, out=exponentials)
    exponentials *= returned[:, :, None, :]
    counterpart = np.float32(SHARPNESS) * cosines
    total = np.maximum(exponentials @ inside, np.exp(counterpart))  # a hole in the map has no exponential of its own
    log_np = counterpart - np.log(total) + np.log(np.maximum(choices, 1))[:, :, None]
    return np.asarray(np.maximum(log_np, 0))
