"""Calibration: the cameras of a recording, read from the files that people have and written to our own."""
