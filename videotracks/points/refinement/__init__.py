"""Tracks cleaned: what is never seen, wild or static goes, the rest is smoothed."""
