"""How a meta agent learns: the seam, and a file for each rule."""
