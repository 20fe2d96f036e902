"""Changes of a sample that leave the place the same."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from liploc_ros.views import CameraView, Panorama


def change_light(view: CameraView, rng: np.random.Generator) -> CameraView:
    """Change gamma, colour balance, contrast and, one time in four, drop the colour."""
    x = np.clip(view.image.astype(np.float32) / 255, 1e-3, 1) ** np.float32(rng.uniform(0.6, 1.6))
    x *= rng.uniform(0.7, 1.3, (1, 1, 3)).astype(np.float32)
    x = (x - x.mean()) * np.float32(rng.uniform(0.6, 1.4)) + x.mean()
    if rng.random() < 0.25:
        x = np.repeat(x.mean(-1, keepdims=True), 3, axis=-1)
    return replace(view, image=(np.clip(x, 0, 1) * 255).astype(np.uint8))


def hide_columns(view: CameraView, rng: np.random.Generator) -> CameraView:
    """Mask the outer columns of one time in four, as a camera with a narrower or turned field of view would."""
    if rng.random() > 0.25:
        return view
    width = view.mask.shape[1]
    left, right = (rng.uniform(0, 0.25, 2) * width).astype(int)
    seen = np.zeros_like(view.mask)
    seen[:, left : width - right] = True
    mask = view.mask & seen
    return CameraView(view.image * mask[..., None], mask)


def change_sensor(panorama: Panorama, rng: np.random.Generator) -> Panorama:
    """Scale or drop the reflectance, lose returns, and sometimes whole rows, as a sensor of fewer beams would."""
    reflectance = np.clip(panorama.reflectance * np.float32(rng.uniform(0.7, 1.4)), 0, 1) * np.float32(
        rng.random() > 0.3
    )
    kept = np.ones(panorama.range.shape, bool)
    if rng.random() < 0.3:
        kept &= rng.random(kept.shape) > rng.uniform(0, 0.3)
    if rng.random() < 0.25:
        beams = rng.integers(2, 4)
        kept &= ((np.arange(len(kept)) + rng.integers(beams)) % beams == 0)[:, None]
    return Panorama(panorama.range * kept, reflectance * kept)


def mirror(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Swap left and right of (3, H, W) inputs."""
    return np.ascontiguousarray(image[:, :, ::-1])
