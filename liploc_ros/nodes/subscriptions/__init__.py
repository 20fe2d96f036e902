"""Subscriptions to sensor data: reliability, lost messages and stamps."""
