"""The table of contents: what is made, from what, and how it is checked. One package per branch.

An asset calls one or two functions of ``videotracks`` and returns a ``MaterializeResult``; what it
needs from outside (files, models, settings) comes as a resource. A check stands beside its asset.
"""
