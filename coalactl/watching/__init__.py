"""One inner episode of trained agents to look at, in the terminal or as an animated GIF: ``coalactl watch``."""
