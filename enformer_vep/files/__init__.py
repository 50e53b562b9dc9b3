"""Files and streams: complete or absent, compressed or not, explained when they fail."""
