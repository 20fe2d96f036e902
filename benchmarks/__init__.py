"""Timings, as medians and ratios against the reference algorithm in the same run."""
