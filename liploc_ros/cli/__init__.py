"""The ``liploc`` command: one file a verb."""
