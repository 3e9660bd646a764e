"""From configuration to numbers that are data to the program, and their values over iterations."""
