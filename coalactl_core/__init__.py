"""The headless engine of coalactl: configuration in, a stream of states and metrics out.

``build_engine(experiment)`` gives an :class:`~coalactl_core.training.Engine` with ``init``, ``advance``, ``summary``.
The engine writes no files, reads no clock and prints nothing.
"""
