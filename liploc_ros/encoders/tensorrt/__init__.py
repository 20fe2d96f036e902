"""Encoders as TensorRT engines: built, kept in a cache, run."""
