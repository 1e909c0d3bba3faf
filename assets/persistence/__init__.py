"""Persistence: which tracklets are things and which are noise, and where the things are in the world."""
