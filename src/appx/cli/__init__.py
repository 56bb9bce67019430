"""The commands. The only reader of the environment."""
