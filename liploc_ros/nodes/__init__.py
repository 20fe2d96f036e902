"""The ROS 2 layer: two nodes and a bag player. Nothing else in the package imports rclpy or ROS messages."""
