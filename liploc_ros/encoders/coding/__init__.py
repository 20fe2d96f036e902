# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The coding of maps: how a model's features and descriptors are stored in few bytes."""

from liploc_ros.encoders.coding.descriptor_coding import DescriptorCoding
from liploc_ros.encoders.coding.feature_coding import FeatureCoding
from liploc_ros.encoders.coding.map_coding import CODING_FILE, MapCoding

__all__ = ["CODING_FILE", "DescriptorCoding", "FeatureCoding", "MapCoding"]
