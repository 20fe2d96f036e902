"""Parameters of the map builder node."""

from pydantic import Field

from liploc_ros.mapping import MapConfig
from liploc_ros.nodes.common.qos import Reliability


class MapBuilderParameters(MapConfig):
    """All parameters of the map builder: its own, and the settings of the map."""

    map_path: str = Field("", description="folder to write the map to, on ~/save_map and at shutdown")
    model: str = Field("", description="folder of the model bundle; empty: the one that comes with the package")
    points_topic: str = Field("points", description="sensor_msgs/PointCloud2 of the LiDAR")
    odometry_topic: str = Field("odom", description="nav_msgs/Odometry of the vehicle, in a frame that does not drift")
    reliability: Reliability = Field(
        "best_effort", description="of both subscriptions; best_effort hears every publisher, reliable loses no scan"
    )
    queue: int = Field(10, ge=1, le=1000, description="scans that the subscription holds while the node is busy")
    sensor_mounts: tuple[str, ...] = Field(
        (),
        description="pose of the LiDAR's frame in the base frame (the odometry's child frame), "
        "'FRAME x y z qx qy qz qw' or 'FRAME x y z roll pitch yaw'; unset: from /tf_static",
    )
    map_frame: str = Field("map", min_length=1, description="frame of the map; the odometry's axes and origin")
    datum: str = Field("", description="what the origin of the map frame is; empty: the odometry frame is named")
    odometry_timeout: float = Field(
        5.0,
        gt=0,
        description="seconds that a scan waits for odometry newer than itself, before it is dropped; DDS can take 3 to "
        "send again what was lost on the way",
    )
    save_at_shutdown: bool = Field(True, description="write the map at shutdown if there are scans not saved yet")

    def config(self) -> MapConfig:
        """Return the settings of the map."""
        return MapConfig(**self.model_dump(include=set(MapConfig.model_fields)))
