"""Tracks as files: what is written comes back, aliases are known, and nothing else is believed."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.points.track_examples import straight, tracks_of
from videotracks.errors import CorruptFileError
from videotracks.npz import write_npz
from videotracks.points.tracks import PointTracks, read_tracks, write_tracks


def same(one: PointTracks, other: PointTracks) -> bool:
    a, b = one.arrays(), other.arrays()
    return set(a) == set(b) and all(a[k].dtype == b[k].dtype and np.array_equal(a[k], b[k]) for k in a)


def filed(arrays: dict[str, np.ndarray]) -> io.BytesIO:
    target = io.BytesIO()
    write_npz(target, arrays)
    return target


@st.composite
def examples(draw) -> PointTracks:
    frames, count, views = draw(st.integers(1, 5)), draw(st.integers(0, 4)), draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    moving, dtype = draw(st.booleans()), draw(st.sampled_from(["f4", "f8"]))
    lead = (views, frames) if moving else (views,)
    others = {}
    if draw(st.booleans()):
        others["rgbs"] = random.integers(0, 255, (views, frames, 3, 2, 4), dtype="u1")
        others["depths"] = random.random((views, frames, 1, 2, 4)).astype(draw(st.sampled_from(["f4", "f2"])))
    if draw(st.booleans()):
        others["interpolated"] = random.random((frames, count)) < 0.5
    return tracks_of(
        random.normal(size=(frames, count, 3)), random.random((frames, count)), views=views,
        intrs=random.random((*lead, 3, 3)).astype(dtype), extrs=random.random((*lead, 3, 4)).astype(dtype),
        temporal_stride=draw(st.integers(1, 9)), tracker=draw(st.sampled_from(["flow", "cotracker3"])), **others,
    )  # fmt: skip


@given(examples())
@settings(max_examples=60, deadline=None)
def test_what_is_written_comes_back(tracks: PointTracks) -> None:
    target = io.BytesIO()
    write_tracks(target, tracks)
    assert same(read_tracks(target, camera_data=True), tracks)
    without = read_tracks(target)
    assert without.rgbs is None
    assert without.depths is None
    np.testing.assert_array_equal(without.tracks_3d, tracks.tracks_3d)


def test_no_tracks_at_all_are_a_valid_file(tmp_path: Path) -> None:
    none = tracks_of(np.zeros((7, 0, 3)))
    write_tracks(tmp_path / "none.npz", none)
    back = read_tracks(tmp_path / "none.npz")
    assert (back.frame_count, back.track_count) == (7, 0)
    assert same(back, none)


def test_points_that_are_nowhere_are_kept_as_such() -> None:
    points = np.full((2, 1, 3), np.nan)
    target = io.BytesIO()
    write_tracks(target, tracks_of(points, np.zeros((2, 1))))
    assert np.isnan(read_tracks(target).tracks_3d).all()


def test_images_and_depth_are_stored_and_what_is_small_is_deflated() -> None:
    tracks = tracks_of(
        straight(4), rgbs=np.zeros((2, 4, 3, 60, 80), "u1"), depths=np.zeros((2, 4, 1, 60, 80), "f4")
    )  # fmt: skip
    target = io.BytesIO()
    write_tracks(target, tracks)
    with zipfile.ZipFile(target) as archive:
        ways = {info.filename: info.compress_type for info in archive.infolist()}
    assert {n for n, way in ways.items() if way == zipfile.ZIP_STORED} == {"rgbs.npy", "depths.npy"}


def test_the_older_names_are_read() -> None:
    tracks = tracks_of(straight(5))
    arrays = tracks.arrays()
    for alias, name in {
        "traj_e": "tracks_3d",
        "vis_e": "visibilities",
        "intrinsics": "intrs",
        "extrinsics": "extrs",
    }.items():
        arrays[alias] = arrays.pop(name)
    assert same(read_tracks(filed(arrays)), tracks)


def test_under_the_older_names_visibility_may_be_bool_and_points_may_be_double() -> None:
    tracks = tracks_of(straight(5))
    arrays = tracks.arrays()
    arrays["vis_e"] = arrays.pop("visibilities") > 0.5
    arrays["traj_e"] = arrays.pop("tracks_3d").astype("f8")
    assert same(read_tracks(filed(arrays)), tracks)


def test_refuses_an_array_under_two_names() -> None:
    arrays = tracks_of(straight(5)).arrays()
    arrays["traj_e"] = arrays["tracks_3d"]
    with pytest.raises(CorruptFileError, match=r"b\.npz: array '.*': 'tracks_3d' is there under two names"):
        read_tracks(filed(arrays), "b.npz")


wrong = {
    "double points": ("tracks_3d", np.zeros((5, 1, 3)), "'tracks_3d': dtype float64; f4 expected"),
    "points in the plane": ("tracks_3d", np.zeros((5, 1, 2), "f4"), "'tracks_3d': shape"),
    "visibilities of other frames": ("visibilities", np.ones((4, 1), "f4"), r"'visibilities': shape \[4, 1\]"),
    "visibilities above one": ("visibilities", np.full((5, 1), 2, "f4"), "'visibilities': values outside 0 to 1"),
    "visibilities that are none": ("visibilities", np.full((5, 1), np.nan, "f4"), "'visibilities': values outside"),
    "query points of other tracks": ("query_points", np.zeros((2, 4), "f4"), "'query_points': shape"),
    "a query after the end": ("query_points", np.full((1, 4), 5, "f4"), "'query_points': frames outside 0 to 4"),
    "a query that is nowhere": ("query_points", np.full((1, 4), np.inf, "f4"), "'query_points': .*no finite"),
    "square extrinsics": ("extrs", np.zeros((2, 4, 4)), "'extrs': shape"),
    "intrinsics of another view": ("intrs", np.zeros((3, 3, 3)), "shape"),
    "intrinsics that are none": ("intrs", np.full((2, 3, 3), np.nan), "'intrs': .*no finite"),
    "two views of one name": ("camera_ids", np.array(["a", "a"]), "'camera_ids': each view"),
    "a path for a view": ("camera_ids", np.array(["../a", "b"]), "'camera_ids': .*not plain names"),
    "a tracker of a thousand letters": ("tracker", np.array("x" * 1000), "'tracker': .*more than 128 letters"),
    "no stride": ("temporal_stride", np.array(0), "'temporal_stride': 0; 1 or more"),
    "time that stands still": ("timestamps", np.zeros(5), "'timestamps': seconds must ascend"),
    "interpolated by half": ("interpolated", np.zeros((5, 1), "f4"), "'interpolated': dtype"),
    "images of other frames": ("rgbs", np.zeros((2, 4, 3, 2, 2), "u1"), "'rgbs': shape"),
    "something unknown": ("colour", np.zeros(1), "unknown arrays"),
}  # fmt: skip


@pytest.mark.parametrize("case", wrong)
def test_refuses(case: str) -> None:
    name, array, message = wrong[case]
    arrays = {**tracks_of(straight(5)).arrays(), name: array}
    with pytest.raises(CorruptFileError, match=rf"b\.npz: .*{message}"):
        read_tracks(filed(arrays), "b.npz")


@pytest.mark.parametrize("name", ["tracks_3d", "timestamps", "camera_ids"])
def test_refuses_a_file_without(name: str) -> None:
    arrays = tracks_of(straight(5)).arrays()
    del arrays[name]
    with pytest.raises(CorruptFileError, match=rf"b\.npz: missing arrays \['{name}'\]"):
        read_tracks(filed(arrays), "b.npz")


def test_refuses_a_shape_that_no_byte_backs() -> None:
    arrays = tracks_of(np.zeros((5, 0, 3))).arrays()
    arrays["rgbs"] = np.zeros((2, 5, 3, 0, 1 << 40), "u1")
    with pytest.raises(CorruptFileError, match=r"'rgbs': 1,099,511,627,776 along W are too many"):
        read_tracks(filed(arrays), "b.npz")


def test_refuses_every_truncation() -> None:
    target = io.BytesIO()
    write_tracks(target, tracks_of(straight(3)))
    whole = target.getvalue()
    for length in range(0, len(whole), 7):
        with pytest.raises(CorruptFileError, match=r"b\.npz"):
            read_tracks(io.BytesIO(whole[:length]), "b.npz")


def test_making_tracks_checks_them_too() -> None:
    with pytest.raises(CorruptFileError, match="'tracks_3d': dtype float64"):
        PointTracks(**{**_content(tracks_of(straight(5))), "tracks_3d": straight(5)})


def _content(tracks: PointTracks) -> dict:
    return {name: getattr(tracks, name) for name in PointTracks.__dataclass_fields__}


def test_selected_tracks_keep_frames_and_views() -> None:
    tracks = tracks_of(straight(5, count=3), interpolated=np.eye(5, 3, dtype=bool))
    some = tracks.select(np.array([True, False, True]))
    assert (some.frame_count, some.track_count) == (5, 2)
    np.testing.assert_array_equal(some.tracks_3d, tracks.tracks_3d[:, [0, 2]])
    np.testing.assert_array_equal(some.interpolated, tracks.interpolated[:, [0, 2]])
    assert some.camera_ids == tracks.camera_ids


def test_the_frame_rate_comes_from_the_timestamps() -> None:
    assert tracks_of(straight(5), fps=25).frame_rate_hz == pytest.approx(25)
    assert tracks_of(straight(1)).frame_rate_hz is None
