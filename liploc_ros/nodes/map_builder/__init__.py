"""The map builder node."""
