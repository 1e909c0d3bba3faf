"""Scenarios: what the filter does for a reconstruction, over many generated scenes, with and without it."""
