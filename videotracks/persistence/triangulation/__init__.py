"""Where things are: tracks of several calibrated views matched with each other, and triangulated."""
