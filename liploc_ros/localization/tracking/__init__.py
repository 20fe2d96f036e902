"""Tracking over time: a Gaussian-mixture filter over SE(2), fed by images and odometry."""
