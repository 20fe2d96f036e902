"""From drives to batches: the frames that can be read, their poses, and the batch of each step."""
