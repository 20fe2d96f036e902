"""What all nodes share: parameters, diagnostics, QoS profiles, message conversion, process and life cycle."""
