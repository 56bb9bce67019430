"""Tests of appx.models."""
