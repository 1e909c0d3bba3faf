"""Which tracks are things: a transformer over the features of a track, and what its word is worth."""
