"""Readers of KITTI raw, KITTI odometry, KITTI object and KITTI-360, and conversion to bags."""
