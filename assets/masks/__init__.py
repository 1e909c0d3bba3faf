"""Masks: objects at several levels of detail, followed through the video."""
