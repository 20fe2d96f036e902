"""Training of the encoders. This is the only package that needs torch: ``pip install liploc_ros[train]``."""
