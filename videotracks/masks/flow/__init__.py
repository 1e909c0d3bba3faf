"""The embedded segmenter: objects from segmentation and motion, followed by optical flow. No weights."""
