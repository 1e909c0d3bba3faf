"""Persistence: which tracks are things, and which are noise, reflections and glare."""
