"""How fast training is: each size in a fresh process, so that its compilation and its memory are its own."""
