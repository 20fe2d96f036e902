"""The bag player node."""
