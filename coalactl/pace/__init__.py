"""How long trainings take on this machine: what finished ones leave behind, and estimates that are made of it."""
