"""Points: 3D tracks of points on each object, refined, and drawn back onto the cameras."""
