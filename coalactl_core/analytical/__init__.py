"""Exact games: returns by linear solve, shaping, LOLA, mixed groups, zero-determinant fits (§4, App. C)."""
