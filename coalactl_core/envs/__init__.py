"""Environments: two players, static objects with pure methods."""
