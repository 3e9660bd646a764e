"""Agent files, to hand on: made of runs, with a card that says what is in them, and shown."""
