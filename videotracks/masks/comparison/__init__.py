"""What people look at: the frame, its candidates and the tracked masks, in steady colours."""
