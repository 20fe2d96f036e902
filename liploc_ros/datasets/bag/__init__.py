"""rosbag2 recordings: reader, writer, topics and messages."""
