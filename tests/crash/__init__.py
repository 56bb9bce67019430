"""What the server keeps when it is killed, when the disk fails or fills, and when the power goes."""
