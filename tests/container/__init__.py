"""Tests of the container room."""
