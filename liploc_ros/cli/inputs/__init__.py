"""What verbs read: images to localize, and confidence samples."""
