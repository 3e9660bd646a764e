"""Leagues: entrants of any kind, all pairs of them in both seats, and what came of it.

A league has a folder of its own, and changes nothing of the runs that play in it. What is played is kept meeting by
meeting, so that the same command goes on after a stop.
"""
