"""Pages: what all HTML reports share. One file each, that opens from disk and loads nothing from anywhere."""
