"""Training from the command line: from a request to a run directory, through the engine."""
