"""What people look at: Rerun scenes, trail videos, trajectories."""
