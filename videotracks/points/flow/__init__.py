"""The embedded point tracker: Lucas-Kanade in every view, fused in the world. No weights."""
