"""What projects run: inner containers that come back after a restart."""
