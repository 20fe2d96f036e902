# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""How images differ from the recorded ones: grey, dark, blurred, or partly covered."""

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.schema import FrozenModel

COVER = 60  # grey value of what covers a part of the image
COVER_TOP = 0.3  # share of the height above the cover


class ImageConditions(FrozenModel):
    """What is done to each image, in the order of the fields."""

    covered: float | None = Field(
        None, gt=0, lt=100, description="middle part of the width that something covers, as a lorry ahead does [%]"
    )
    blur: float | None = Field(None, gt=0, le=100, description="standard deviation of a Gaussian blur [pixel]")
    dark: float | None = Field(None, gt=0, le=1, description="factor on the brightness")
    grey: bool = Field(False, description="without color")

    @property
    def changes_images(self) -> bool:
        """Whether the images differ from the recorded ones."""
        return any(
            value is not None and value is not False for value in (self.covered, self.blur, self.dark, self.grey)
        )

    def change(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image (h, w) or (h, w, 3) under these conditions."""
        image = image.copy()
        if self.covered is not None:
            height, width = image.shape[:2]
            half = round(width * self.covered / 200)
            image[round(height * COVER_TOP) :, width // 2 - half : width // 2 + half] = COVER
        if self.blur is not None:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), self.blur), np.uint8)
        if self.dark is not None:
            image = (image * np.float32(self.dark)).astype(np.uint8)
        if self.grey and image.ndim == 3:
            image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        return image
