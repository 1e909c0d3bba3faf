"""The decisions on a video as the analysis takes them."""

from collections.abc import Mapping

from videotracks.persistence.analysis.decided import DecidedTrack
from videotracks.persistence.decisions.deciding import PersistenceDecisions, TrackletImportance


def decided_tracks(
    decisions: PersistenceDecisions, importance: TrackletImportance, real: Mapping[int, bool] | None, source: str
) -> list[DecidedTrack]:
    """Every tracklet that was looked at, with the truth about it where ``real`` knows it; ``source`` is the video."""
    looked_at, truth = importance.by_tracklet(), real or {}
    made = []
    for decision in decisions.decisions:
        if decision.confidence is None or decision.tracklet_id not in looked_at:
            continue
        frames, weights = looked_at[decision.tracklet_id]
        known = truth.get(decision.tracklet_id)
        made.append(
            DecidedTrack(
                track_id=decision.tracklet_id,
                observations=decision.length,
                duration_frames=decision.duration_frames,
                confidence=decision.confidence,
                is_persistent=decision.keep,
                importance=weights,
                frame_numbers=frames,
                label=None if known is None else int(known),
                source=source,
            )
        )
    return made
