"""Generated tracks: one 3D world per scene, seen by two cameras, with what a detector would make of it."""
