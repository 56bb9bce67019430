"""The API. Nothing else knows how HTTP is served."""
