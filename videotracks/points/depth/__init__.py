"""Depth of every view and frame: from files, from two views, from a model."""
