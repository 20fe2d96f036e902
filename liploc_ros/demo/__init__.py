"""The demo: a recorded drive is played over DDS to map builder and localizer, with metrics and a report."""
