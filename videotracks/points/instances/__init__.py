"""Which objects of several views are one, and the points on them that are asked for."""
