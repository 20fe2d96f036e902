"""Training of the encoders. The only part that needs torch: ``pip install liploc_ros[train]``."""
