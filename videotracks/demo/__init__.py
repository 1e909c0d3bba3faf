"""A generated street: people who walk, cross, leave and come back, with exact boxes and identities.

A demonstration and a test input whose truth is known; it says nothing about footage of real streets.
"""
