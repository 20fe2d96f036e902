"""Encoders as TensorRT engines: how engines are built, cached and run."""
