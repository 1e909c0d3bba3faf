"""From a video to persons: detection, tracking, grouping, ranking, crops, re-identification, report."""
