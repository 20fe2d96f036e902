"""Inputs of localizer and map builder: silent topics, and odometry from /tf."""
