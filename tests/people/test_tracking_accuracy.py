import numpy as np
import pytest

from videotracks.people.accuracy import score_tracks
from videotracks.people.bytetrack import TrackingSettings, track
from videotracks.people.motchallenge import detections_from_mot, read_mot


@pytest.mark.testdata
def test_tud_campus_is_tracked_better_than_by_any_setting_of_the_reference(testdata):
    """The best of 288 settings of trackers 2.6 on these detections: HOTA 0.490, IDF1 0.642, MOTA 0.599."""
    folder = testdata / "mot" / "TUD-Campus"
    detections = detections_from_mot([read_mot(folder / "det.txt")], [71], ["campus"])
    made = score_tracks(folder / "gt.txt", track(detections, [np.arange(71) / 25], TrackingSettings()))
    assert made.hota > 0.490
    assert made.idf1 > 0.642
    assert made.mota > 0.599
