"""The people of a recording in the world."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.persistence.triangulation.rig_examples import LEFT, RIGHT, boxes, cameras
from videotracks.calibration.toml_files import read_toml
from videotracks.geometry.camera import Camera
from videotracks.persistence.triangulation.evidence import EvidenceSettings
from videotracks.persistence.triangulation.integrated import TriangulationSettings
from videotracks.persistence.triangulation.recording import triangulate_recording
from videotracks.tables import Tracklets, empty

SETTINGS = TriangulationSettings()


def tracklets(rows: list[tuple[int, int, np.ndarray]]) -> Tracklets:
    """Of (id, view, boxes f8[F, 5] with the frame first)."""
    rows = sorted(rows, key=lambda row: row[0])
    table = np.concatenate([np.zeros((0, 5)), *(seen for _, _, seen in rows)])
    counts = [len(seen) for _, _, seen in rows]
    return Tracklets(
        tracklet_id=np.repeat([name for name, _, _ in rows], counts).astype("i8"),
        camera=np.repeat([view for _, view, _ in rows], counts).astype("i2"),
        frame_numbers=table[:, 0].astype("i8"),
        bboxes=table[:, 1:].astype("f4"),
        confidences=np.ones(len(table), "f4"),
        detection_indices=np.zeros(len(table), "i8"),
    )


def framed(seen: np.ndarray) -> np.ndarray:
    return np.column_stack([np.arange(len(seen)), seen])


def two_walkers(rig: list[Camera]) -> Tracklets:
    return tracklets(
        [
            (1 + 2 * view + who, view, framed(boxes(camera, places)))
            for view, camera in enumerate(rig)
            for who, places in enumerate((LEFT, RIGHT))
        ]
    )


def test_both_walkers_are_found_and_told() -> None:
    rig = cameras(3)
    told: list[tuple[int, int | None]] = []
    table, summary = triangulate_recording(rig, two_walkers(rig), SETTINGS, progress=lambda *done: told.append(done))
    assert [table.members_of(thing) for thing in (1, 2)] == [[(0, 1), (1, 3), (2, 5)], [(0, 2), (1, 4), (2, 6)]]
    np.testing.assert_allclose(table.positions[table.rows_of(2)], RIGHT, atol=1e-4)
    assert summary.reason == ""
    assert summary.statistics is not None
    assert (summary.statistics.things, summary.statistics.unmatched_tracks) == (2, 0)
    assert told[-1] == (2, 2)
    assert type(summary).model_validate_json(summary.model_dump_json()) == summary


def test_what_was_decided_against_is_left_out_and_counted() -> None:
    rig = cameras(2)
    table, summary = triangulate_recording(rig, two_walkers(rig), SETTINGS, kept={1, 2, 3})
    assert table.track_ids.tolist() == [1]
    statistics = summary.statistics
    assert statistics is not None
    assert (statistics.total_tracks, statistics.filtered_out, statistics.unmatched_tracks) == (4, 1, 1)
    assert statistics.reduction_rate == pytest.approx(0.25)


def test_appearance_is_looked_up_by_id() -> None:
    rig = cameras(2)
    features = {1: np.array([1.0, 0]), 3: np.array([0, 1.0]), 4: np.array([1.0, 0]), 2: np.array([0, 1.0])}
    plain, _ = triangulate_recording(rig, two_walkers(rig), SETTINGS)
    strict = TriangulationSettings(matching=EvidenceSettings(appearance_weight=1))
    misled, _ = triangulate_recording(rig, two_walkers(rig), strict, features={k: 1e3 * v for k, v in features.items()})
    # At the same height before two cameras beside each other, either pairing can be: looks decide, if they may.
    assert [plain.members_of(thing) for thing in (1, 2)] == [[(0, 1), (1, 3)], [(0, 2), (1, 4)]]
    assert [misled.members_of(thing) for thing in (1, 2)] == [[(0, 1), (1, 4)], [(0, 2), (1, 3)]]


@pytest.mark.parametrize(
    ("views", "table", "reason"),
    [
        (0, two_walkers(cameras(2)), "no calibration"),
        (1, two_walkers(cameras(1)), "a single view"),
        (2, Tracklets(**empty(Tracklets)), "nobody"),
    ],
)
def test_says_why_there_is_nothing(views: int, table: Tracklets, reason: str) -> None:
    found, summary = triangulate_recording(cameras(2)[:views], table, SETTINGS)
    assert found.row_count == 0
    assert found.camera_ids.tolist() == [camera.camera_id for camera in cameras(2)[:views]]
    assert reason in summary.reason
    assert summary.statistics is None


# Of two people, and of somebody behind in one view: id, view, and left, top, right, bottom every twentieth frame, as
# YOLOX-nano and ByteTrack have them.
TWO_PEOPLE = [
    (1, 0, [
        [540, 772, 991, 1720], [534, 771, 981, 1764], [385, 789, 1088, 1859],
        [423, 776, 944, 1752], [459, 774, 972, 1745],
    ]),
    (2, 0, [
        [273, 316, 601, 1138], [293, 346, 692, 1172], [120, 350, 706, 1172],
        [213, 390, 833, 1225], [373, 452, 822, 1251],
    ]),
    (3, 1, [
        [58, 638, 384, 1487], [64, 622, 377, 1477], [63, 634, 510, 1500],
        [19, 618, 363, 1474], [25, 622, 384, 1476],
    ]),
    (4, 1, [
        [421, 405, 754, 1138], [384, 403, 751, 1144], [320, 427, 766, 1429],
        [285, 410, 777, 1429], [306, 413, 790, 1257],
    ]),
    (5, 1, [
        [760, 481, 892, 886], [760, 482, 892, 883], [757, 481, 888, 883],
        [755, 481, 887, 881], [757, 482, 890, 877],
    ]),
    (6, 2, [
        [508, 420, 839, 1323], [426, 502, 778, 1260], [352, 387, 782, 1237],
        [297, 392, 670, 1236], [335, 456, 630, 1224],
    ]),
    (7, 2, [
        [197, 495, 404, 1039], [198, 498, 415, 1036], [170, 523, 411, 1056],
        [219, 480, 413, 1091], [215, 483, 419, 1073],
    ]),
    (8, 3, [
        [646, 399, 946, 932], [646, 401, 951, 934], [593, 424, 983, 946],
        [636, 398, 976, 925], [636, 392, 976, 924],
    ]),
    (9, 3, [
        [154, 476, 684, 1462], [140, 425, 705, 1307], [124, 398, 992, 1242],
        [124, 398, 992, 1242], [253, 392, 717, 1253],
    ]),
]  # fmt: skip
#: By how much each view's pictures lie beside their calibration, px, from six points of the treadmill (0.6 px then).
SHIFTS = ((37.6, -16.7), (10.5, -10.4), (32.0, -1.7), (9.3, -12.2))


@pytest.mark.testdata
@pytest.mark.parametrize(("corrected", "least"), [(False, 6), (True, 8)])
def test_two_people_before_four_cameras_stay_two(testdata: Path, corrected: bool, least: int) -> None:
    rig = read_toml(testdata / "multiview" / "two_people" / "Calib_qualisys.toml")
    if corrected:
        moved = [
            camera.K + np.array([[0, 0, x], [0, 0, y], [0, 0, 0]]) for camera, (x, y) in zip(rig, SHIFTS, strict=True)
        ]
        rig = [dataclasses.replace(camera, K=K) for camera, K in zip(rig, moved, strict=True)]
    table, summary = triangulate_recording(
        rig, tracklets([(name, view, framed(np.array(seen, "f8"))) for name, view, seen in TWO_PEOPLE]), SETTINGS
    )
    assert [table.members_of(thing) for thing in (1, 2)] == [
        [(0, 1), (1, 3), (2, 7), (3, 8)],
        [(0, 2), (1, 4), (2, 6), (3, 9)],
    ]
    assert summary.statistics is not None
    assert summary.statistics.things == 2
    assert summary.statistics.reprojection_median_px is not None
    assert summary.statistics.reprojection_median_px <= 15
    assert table.row_count >= least
    woman, man = (table.positions[table.rows_of(thing)] for thing in (1, 2))
    assert np.linalg.norm(np.median(woman, axis=0) - np.median(man, axis=0)) > 0.8
