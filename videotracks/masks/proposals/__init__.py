"""Candidate objects without weights: regions of colour and areas that move."""
