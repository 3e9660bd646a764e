"""Exact games: returns by linear solve, shaping, LOLA, mixed groups (§4, App. C)."""
