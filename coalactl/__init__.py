"""The tool around the engine: presets, run directories, checkpoints, metric files and what a user sees."""

from __future__ import annotations

__version__ = "0.2.0"
"""The one place of the version: the wheel, ``--version`` and provenance take it from here."""
