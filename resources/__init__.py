"""What has weights, files, processes or a network behind it; heavy imports happen inside methods."""
