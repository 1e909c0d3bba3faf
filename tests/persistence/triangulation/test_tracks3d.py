"""The table of tracks in the world."""

from io import BytesIO

import numpy as np
import pytest

from videotracks.errors import CorruptFileError
from videotracks.npz import read_npz, write_npz
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks


def arrays() -> dict[str, np.ndarray]:
    return {
        "track_id": np.array([1, 1, 2]),
        "frame_numbers": np.array([0, 1, 0]),
        "positions": np.zeros((3, 3)),
        "errors_px": np.array([[1, 2, np.nan], [1, 2, 3], [np.nan, 0, 0]], "f4"),
        "camera_ids": np.array(["a", "b", "c"]),
        "track_ids": np.array([1, 2, 3]),
        "member_offsets": np.array([0, 3, 5, 7]),
        "member_ids": np.array([4, 4, 9, 1, 2, 5, 6]),
        "member_cameras": np.array([0, 1, 2, 1, 2, 0, 1], "i2"),
    }


def test_comes_back_from_its_file() -> None:
    table = TriangulatedTracks.from_arrays(arrays())
    file = BytesIO()
    write_npz(file, table.arrays())
    again = TriangulatedTracks.from_arrays(read_npz(file, "triangulated_tracks.npz"))
    assert again.members_of(2) == [(1, 1), (2, 2)]
    assert again.used.tolist() == [[True, True, False], [True] * 3, [False, True, True]]
    assert again.rows_of(2) == slice(2, 3)
    with pytest.raises(KeyError):
        again.members_of(7)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("track_id", np.array([2, 1, 1]), "sorted by track_id"),
        ("frame_numbers", np.array([1, 1, 0]), "must increase"),
        ("track_id", np.array([1, 1, 9]), "track_ids must name"),
        ("track_ids", np.array([1, 3, 2]), "ascending"),
        ("positions", np.full((3, 3), np.inf), "finite"),
        ("errors_px", np.array([[1, np.nan, np.nan]] * 3, "f4"), "two views"),
        ("member_offsets", np.array([0, 3, 5, 6]), "split"),
        ("member_cameras", np.full(7, 3, "i2"), "views"),
    ],
)
def test_refuses_what_cannot_be(name: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(CorruptFileError, match=message):
        TriangulatedTracks.from_arrays({**arrays(), name: value})
