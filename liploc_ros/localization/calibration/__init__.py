"""Fit the confidence model: samples, fit and storage."""
