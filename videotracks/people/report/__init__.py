"""The person report: one page that opens from disk and asks nobody for anything."""
