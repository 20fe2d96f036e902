# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Evaluation: protocols, metrics, figures and reports."""

from liploc_ros.evaluation.evaluator import Evaluator, evaluate
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.result import EvaluationResult, ProtocolMetrics

__all__ = [
    "EvaluationError",
    "EvaluationOptions",
    "EvaluationResult",
    "Evaluator",
    "Protocol",
    "ProtocolMetrics",
    "evaluate",
]
