# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""From trained encoders to a model bundle: ONNX files in fp32 and fp16, the description, and the model card."""
