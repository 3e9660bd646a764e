"""Trained agents against pools of opponents: which, how many meta-episodes against each, and what is told of them.

An evaluation writes below ``RUN/eval/`` and nowhere else in a run, and takes no lock: a run may be going on meanwhile.
"""
