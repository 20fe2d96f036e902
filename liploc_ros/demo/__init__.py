"""The demo: a recorded drive played over DDS to both nodes, with metrics and a report."""
