"""Timings: medians, and ratios to a reference algorithm that is timed in the same run."""
