"""The mask report: one page on the objects of a view at all levels."""
