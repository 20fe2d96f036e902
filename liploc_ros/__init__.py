"""Where on a LiDAR map was this camera image taken?

`liploc_ros` is an ordinary Python library: only `liploc_ros.nodes` needs ROS 2, only `liploc_ros.learning` needs torch.
The generated messages and services lie beside it, in `liploc_ros.msg` and `liploc_ros.srv`.
"""

__version__ = "0.1.0"
