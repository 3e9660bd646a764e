"""Recurrent policies; the only place that imports flax."""
