"""Makers of KITTI folders, ROS nodes and a GPU for the tests."""
