"""Candidates followed through a recording: prompts, duplicates, identities, and steps that a restart keeps."""
