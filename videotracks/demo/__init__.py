"""A generated street: people who walk, cross, leave and come back, with exact boxes, masks, depth and points.

Filmed by one camera (``clip``) or by a calibrated rig (``rig``). A demonstration and a test input whose truth is known;
it says nothing about footage of real streets.
"""
