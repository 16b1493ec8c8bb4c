"""Bounds on what a stranger's file may ask for, checked before any memory is touched."""

MAX_NUMBER = 1_000_000
"""Largest number in a config."""
