"""How much the cells of a view speak for having been taken where a window of a panorama was drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from liploc_ros.encoders.spec import ConfidenceModel

SHARPNESS = 20.0  # inverse temperature at which a cell chooses among the cells of its row


@dataclass(frozen=True)
class Comparison:
    """A view compared with M windows, each shifted by S whole cells.

    Attributes:
        rows: (M, S, 2 h) similarity of each row of cells, then its distinctness; see :func:`compare`.
        similarity: (M, S) mean cosine of the cells that both see, -1 to 1.
    """

    rows: NDArray[np.float32]
    similarity: NDArray[np.float32]


def compare(features: NDArray[np.float32], windows: NDArray[np.float32], reach: int) -> Comparison:
    """Compare a view (h, w, D) with windows (M, h, w + 2 reach, D) of panoramas at every shift of whole cells.

    The *similarity* of a row is the mean cosine of its cells that both see. Its *distinctness* is the mean of
    ``max(0, log n p)``, where p is the probability with which a cell of the view chooses its own among the n cells of
    the window's row, by a softmax of sharpness 20: 0 for a cell that resembles any other, such as a piece of road, and
    log n for one that there is only once. What only one of them sees counts for nothing, so neither a camera with a
    narrow field of view is punished nor a hole in the map.
    """
    products = np.matmul(features[None], windows.transpose(0, 1, 3, 2))  # (M, h, w, w + 2 reach)
    seen, returned = np.any(features != 0, axis=-1), np.any(windows != 0, axis=-1)
    cosines = _own(products)  # (M, h, w, S), as are both and gain
    both = seen[..., None] & sliding_window_view(returned, features.shape[1], axis=2).transpose(0, 1, 3, 2)
    count = both.sum(axis=2, dtype=np.float32)
    cosines *= both
    similarity = cosines.sum(axis=(1, 2)) / np.maximum(count.sum(axis=1), 1)
    rows = [cosines.sum(axis=2) / np.maximum(count, 1)]
    if seen.size == 1:  # one embedding for the whole image: nothing to choose from
        rows.append(np.zeros_like(rows[0]))
    else:
        gain = _distinctness(products, cosines, returned) * both
        rows.append(gain.sum(axis=2) / np.maximum(count, 1))
    return Comparison(np.concatenate(rows, axis=1).transpose(0, 2, 1), similarity)


def weights_of(confidence_model: ConfidenceModel, height: int) -> NDArray[np.float32]:
    """Return the (2 h,) log-odds a unit of what :func:`compare` gives; of similarity alone where none were fitted."""
    if len(confidence_model.score_weights) == 2 * height:
        return np.array(confidence_model.score_weights, np.float32)
    weights = np.zeros(2 * height, np.float32)
    weights[:height] = 1 / (confidence_model.temperature * height)
    return weights


def _own(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (M, h, w, S): of products (M, h, w, w + 2 reach) those of each cell with its own at every shift."""
    *outer, width, columns = products.shape
    *strides, row, column = products.strides
    shape = (*outer, width, columns - width + 1)
    own = as_strided(products, shape, (*strides, row + column, column), writeable=False)
    return np.array(own)


def _distinctness(
    products: NDArray[np.float32], cosines: NDArray[np.float32], returned: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return (M, h, w, S) ``max(0, log n p)`` of each cell at every shift."""
    width, columns = products.shape[2:]
    inside = sliding_window_view(np.eye(columns, dtype=np.float32), width, axis=0).sum(axis=2).T  # (columns, S)
    choices = returned.astype(np.float32) @ inside  # (M, h, S)
    attraction = products * np.float32(SHARPNESS)
    np.exp(attraction, out=attraction)
    attraction *= returned[:, :, None, :]
    own = np.float32(SHARPNESS) * cosines
    rivals = np.maximum(attraction @ inside, np.exp(own))  # a hole has no attraction of its own
    return np.asarray(np.maximum(own - np.log(rivals) + np.log(np.maximum(choices, 1))[:, :, None], 0))
