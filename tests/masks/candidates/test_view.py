"""Candidates: which frames propose, which proposals are kept, and what fills the gaps."""

import numpy as np
import pytest

from tests.masks.tracking.following import HEIGHT, WIDTH, clip, drawn, manifest
from videotracks.errors import CorruptFileError, ModelError, RecordingError
from videotracks.masks.candidates import view as candidates
from videotracks.masks.candidates.manifest import read_manifest
from videotracks.masks.candidates.view import (
    CandidateSettings,
    import_candidates,
    propose_candidates,
    uncovered_regions,
)
from videotracks.masks.packed import unpack
from videotracks.masks.segmenters import Proposal
from videotracks.recording import probe_recording, read_frames

LARGE, MIDDLE, SMALL = (2, 2, 20, 20), (30, 4, 12, 10), (50, 40, 4, 4)


class Proposer:
    """Proposes the same boxes in every frame, and keeps what it was shown."""

    name = "proposer"

    def __init__(self, *found: Proposal) -> None:
        self.found, self.shown, self.levels = list(found), [], []

    def propose(self, image_rgb, neighbour_rgb, levels):
        self.shown.append((image_rgb, neighbour_rgb))
        self.levels.append(list(levels))
        return dict.fromkeys(levels, self.found)


def proposal(box, stability: float = 0.95) -> Proposal:
    return Proposal(drawn(box), stability)


def propose(tmp_path, segmenter, frames=10, **settings):
    view, path = clip(tmp_path, frames)
    chosen = CandidateSettings(**{"levels": [2], "fill_area": 0, "min_area": 30, **settings})
    out = {level: tmp_path / f"level_{level}.json" for level in chosen.levels}
    counts = propose_candidates(view, path, segmenter, chosen, out)
    return {level: read_manifest(out[level], level) for level in out}, counts


def pictures(tmp_path):
    path = tmp_path / "clip.mp4"
    return [frame.rgb() for frame in read_frames(path, probe_recording(path, "clip").views[0])]


def shown_frames(tmp_path, segmenter):
    """Which frames of the clip the proposer was shown, as (frame, neighbour)."""
    known = pictures(tmp_path)

    def number(image):
        return None if image is None else next(i for i, other in enumerate(known) if (other == image).all())

    return [(number(image), number(neighbour)) for image, neighbour in segmenter.shown]


def test_every_nth_sampled_frame_proposes(tmp_path) -> None:
    segmenter = Proposer(proposal(LARGE))
    manifests, counts = propose(tmp_path, segmenter, 20, levels=[2, 6], start=3, stop=18, step=2, propose_every=3)
    assert manifests[2].indices == manifests[6].indices == [3, 9, 15]
    assert segmenter.levels == [[2, 6]] * 3
    assert counts[6].frames == 3
    assert shown_frames(tmp_path, segmenter) == [(3, 4), (9, 10), (15, 16)]


def test_the_neighbour_is_the_next_frame_of_the_video_or_the_one_before_its_end(tmp_path) -> None:
    segmenter = Proposer()
    propose(tmp_path, segmenter, 6, propose_every=1, start=2)
    assert shown_frames(tmp_path, segmenter) == [(2, 3), (3, 4), (4, 5), (5, 4)]
    only_last = Proposer()
    propose(tmp_path, only_last, 6, start=5)
    assert shown_frames(tmp_path, only_last) == [(5, 4)]


@pytest.mark.parametrize(("frames", "shown"), [(1, [(0, None)]), (2, [(0, 1)])])
def test_a_video_of_one_or_two_frames(tmp_path, frames, shown) -> None:
    segmenter = Proposer(proposal(LARGE))
    manifests, _ = propose(tmp_path, segmenter, frames)
    assert shown_frames(tmp_path, segmenter) == shown
    assert manifests[2].indices == [0]


def test_decoding_stops_after_the_last_frame_that_is_needed(tmp_path, monkeypatch) -> None:
    decoded = []

    def counting(*args, **kwargs):
        for frame in read_frames(*args, **kwargs):
            decoded.append(frame.index)
            yield frame

    monkeypatch.setattr(candidates, "read_frames", counting)
    propose(tmp_path, Proposer(), 40, propose_every=20)
    assert decoded[-1] == 21


def test_small_and_unstable_proposals_are_left_out_and_counted(tmp_path) -> None:
    segmenter = Proposer(proposal(SMALL), proposal(MIDDLE, 0.89), proposal(MIDDLE, 0.9), proposal(LARGE))
    manifests, counts = propose(tmp_path, segmenter)
    (frame,) = manifests[2].frames
    assert [(item.id, item.area, item.bbox) for item in frame.items] == [
        ("seg_00004", 400, LARGE),
        ("seg_00003", 120, MIDDLE),
    ]
    assert (unpack(frame.items[0].mask) == drawn(LARGE)).all()
    assert counts[2].model_dump() == {
        "level": 2, "frames": 1, "proposed": 4, "too_small": 1, "unstable": 1, "over_limit": 0, "gaps": 0, "kept": 2,
    }  # fmt: skip


def test_an_area_and_a_stability_at_the_limit_are_enough(tmp_path) -> None:
    _, counts = propose(tmp_path, Proposer(proposal(MIDDLE, 0.9)), min_area=120)
    assert counts[2].kept == 1


def test_of_too_many_the_largest_are_kept(tmp_path) -> None:
    boxes = [(x, 2, 4 + x // 8, 10) for x in range(0, 48, 8)]
    manifests, counts = propose(tmp_path, Proposer(*map(proposal, boxes)), max_candidates=2)
    assert [item.area for item in manifests[2].frames[0].items] == [90, 80]
    assert (counts[2].over_limit, counts[2].kept) == (4, 2)


def test_gaps_are_filled_on_the_coarsest_level_alone(tmp_path) -> None:
    left_half = (0, 0, WIDTH // 2, HEIGHT)
    manifests, counts = propose(tmp_path, Proposer(proposal(left_half)), levels=[2, 4], fill_area=1000)
    items = manifests[2].frames[0].items
    assert [(item.id, item.stability_score) for item in items] == [("seg_00001", 0.95), ("gap_00001", 1.0)]
    assert (unpack(items[1].mask) == ~drawn(left_half)).all()
    assert [item.id for item in manifests[4].frames[0].items] == ["seg_00001"]
    assert (counts[2].gaps, counts[2].kept, counts[4].gaps) == (1, 2, 0)


def test_a_frame_without_any_candidate_is_one_gap_or_empty(tmp_path) -> None:
    manifests, _ = propose(tmp_path, Proposer(), fill_area=1000)
    assert [item.area for item in manifests[2].frames[0].items] == [WIDTH * HEIGHT]
    manifests, _ = propose(tmp_path, Proposer())
    assert manifests[2].frames[0].items == []


def test_uncovered_regions_come_largest_first_without_seams_and_speckles() -> None:
    covered = np.ones((60, 80), bool)
    covered[5:25, 5:25] = covered[5:45, 40:75] = False  # 400 and 1,400 px
    covered[10:13, 25:40] = False  # a seam that joins them
    covered[50:53, 5:75] = False  # a seam alone
    regions = uncovered_regions(covered, 300)
    assert [int(region.sum()) for region in regions] == [
        pytest.approx(1400, rel=0.03), pytest.approx(400, rel=0.1)
    ]  # fmt: skip
    assert not (regions[0] & regions[1]).any()
    assert not any((region & covered).any() for region in regions)
    assert [len(uncovered_regions(covered, area)) for area in (1401, 1300)] == [0, 1]


def test_a_region_in_the_corner_keeps_it() -> None:
    covered = np.ones((40, 40), bool)
    covered[:20, :20] = False
    (region,) = uncovered_regions(covered, 1)
    assert region[0, 0]
    assert (region & covered).sum() == 0


def test_proposals_of_another_size_are_the_segmenters_fault_and_nothing_is_written(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"proposer proposed bool\[3, 3\]"):
        propose(tmp_path, Proposer(Proposal(np.ones((3, 3), bool), 1.0)))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_refuses_sampling_that_leaves_no_frame(tmp_path) -> None:
    with pytest.raises(RecordingError, match="change start or stop"):
        propose(tmp_path, Proposer(), 5, start=5)


@pytest.mark.parametrize("levels", [[4, 2], [2, 2], [], [-1], [100]])
def test_refuses_levels_that_are_no_ascending_grains(levels) -> None:
    with pytest.raises(ValueError, match="levels"):
        CandidateSettings(levels=levels)


def imported(tmp_path, manifests, frames=10, **settings):
    view, _ = clip(tmp_path, frames)
    chosen = CandidateSettings(**{"levels": [2], "source": "manifests", "fill_area": 0, "min_area": 30, **settings})
    out = {level: tmp_path / f"level_{level}.json" for level in chosen.levels}
    counts = import_candidates(view, manifests, chosen, out)
    return {level: read_manifest(out[level], level) for level in out}, counts


def test_imported_candidates_are_scaled_and_filtered_alike(tmp_path) -> None:
    half = [(1, 1, 10, 10), (25, 20, 2, 2)]
    found, counts = imported(tmp_path, {2: manifest({0: half, 7: half[:1]}, size=(HEIGHT // 2, WIDTH // 2))})
    assert found[2].indices == [0, 7]
    (item,) = found[2].frames[0].items
    assert (item.id, item.area) == ("c0", 400)
    assert (unpack(item.mask) == drawn(LARGE)).all()
    assert (counts[2].proposed, counts[2].too_small, counts[2].kept) == (3, 1, 2)


def test_imported_gaps_keep_their_name_and_new_ones_get_another(tmp_path) -> None:
    given = manifest({0: [(0, 0, WIDTH // 2, HEIGHT)]})
    given.frames[0].items[0] = given.frames[0].items[0]._replace(id="gap_00001")
    found, _ = imported(tmp_path, {2: given}, fill_area=1000)
    assert [item.id for item in found[2].frames[0].items] == ["gap_00001", "gap_00002"]


def test_imported_frames_that_are_not_sampled_are_passed_over(tmp_path) -> None:
    found, _ = imported(tmp_path, {2: manifest({f: [LARGE] for f in (0, 3, 4, 8)})}, step=4, stop=8)
    assert found[2].indices == [0, 4]


def test_refuses_manifests_of_another_video_or_without_a_level(tmp_path) -> None:
    with pytest.raises(CorruptFileError, match="another one"):
        imported(tmp_path, {2: manifest({10: [LARGE]})})
    with pytest.raises(CorruptFileError, match="level 2"):
        imported(tmp_path, {4: manifest({1: [LARGE]}, 4)})
