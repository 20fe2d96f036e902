"""How good it is: metrics and figures."""

from liploc_ros.evaluation.metrics import Metrics, Query, measure
from liploc_ros.evaluation.report import write_report

__all__ = ["Metrics", "Query", "measure", "write_report"]
