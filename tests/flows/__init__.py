"""Tests of parts together, over real sockets."""
