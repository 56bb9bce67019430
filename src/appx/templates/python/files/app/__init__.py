"""A notebook on the web."""
