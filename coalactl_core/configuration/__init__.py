"""The experiment tree, validated and frozen; imports no JAX."""
