"""KITTI raw, odometry, object and KITTI-360 recordings, and their conversion to bags."""
