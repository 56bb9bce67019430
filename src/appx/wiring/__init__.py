"""Settings in, a running server out. Names every part."""
