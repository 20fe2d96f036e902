"""Where the vehicle probably is before its pose is known: from messages, and from the last run."""
