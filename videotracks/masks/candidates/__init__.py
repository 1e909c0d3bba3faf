"""Candidate masks: proposed or imported, filtered, and stored in manifests."""
