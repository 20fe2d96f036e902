"""How good it is: protocols, metrics and figures."""

from liploc_ros.evaluation.evaluator import Evaluator, evaluate
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.result import ProtocolMetrics, Result

__all__ = [
    "EvaluationError",
    "EvaluationOptions",
    "Evaluator",
    "Protocol",
    "ProtocolMetrics",
    "Result",
    "evaluate",
]
