"""How good it is: protocols, metrics and figures."""

from liploc_ros.evaluation.metrics import EvaluationError, Metrics, Query, measure
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.protocols import Evaluator, evaluate
from liploc_ros.evaluation.report import write_report
from liploc_ros.evaluation.result import ProtocolMetrics, Result

__all__ = [
    "EvaluationError",
    "EvaluationOptions",
    "Evaluator",
    "Metrics",
    "Protocol",
    "ProtocolMetrics",
    "Query",
    "Result",
    "evaluate",
    "measure",
    "write_report",
]
