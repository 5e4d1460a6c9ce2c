"""ROS 2 topics from pip alone: Cyclone DDS carries the bytes, the type store of rosbags makes them."""
