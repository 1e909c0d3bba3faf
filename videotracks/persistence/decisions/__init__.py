"""What the filter says of the tracklets of a real video: features, decisions, pictures, and the tracklets it keeps."""
