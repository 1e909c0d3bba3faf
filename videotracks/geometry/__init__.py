"""Geometry: cameras, and points seen by several of them. Metres in the world, pixels in pictures, f8 throughout."""
