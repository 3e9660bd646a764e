"""Losses, optimisers, and an agent's epochs and minibatches."""
