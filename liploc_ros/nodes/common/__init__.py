"""Shared by all nodes: parameters, diagnostics, QoS profiles, conversions, ROS libraries, process, life cycle."""
