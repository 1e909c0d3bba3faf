"""The segmenter SAM 2: the package ``sam2`` and weights that lie here."""
