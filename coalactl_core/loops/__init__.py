"""Loops over steps, over iterations and over chunks of an axis."""
