"""Tests of one part; mirrors src."""
