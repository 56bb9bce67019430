"""Small tasks of a builder with executable checks, for any model: see README.md beside this file."""
