"""Reading and writing of rosbag2 recordings."""
