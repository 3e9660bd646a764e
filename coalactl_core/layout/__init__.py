"""How work lies on the devices at hand, and how much memory it takes."""
