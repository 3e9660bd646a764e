"""Sweeps: many trials of one preset, a choice among them for each method, and final runs on fresh seeds (App. B.4).

A sweep is a folder of ordinary packs. ``definition`` reads what is asked for, ``plan`` makes trials of it, ``packing``
and ``worker`` train them, ``claims`` share them between processes, ``selection`` chooses; ``executors`` say who works.
"""
