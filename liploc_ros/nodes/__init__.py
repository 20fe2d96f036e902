"""The ROS 2 nodes: localizer, map builder and bag player. Only they and the demo import rclpy and ROS messages."""
