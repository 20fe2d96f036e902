"""The localizer node."""
