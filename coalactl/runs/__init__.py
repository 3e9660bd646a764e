"""Run directories: what a run leaves on disk, and how it is written so that it survives a kill at any moment.

``directory`` and ``pack`` name the files, ``checkpoints`` and ``manifests`` keep the training state, ``metric_files``
the rows, ``provenance`` says what made them. Nothing here prints, and no file holds an absolute path of the directory.
"""
