import numpy as np
import pytest

from videotracks.errors import CorruptFileError, RecordingError
from videotracks.masks.annotations import write_annotation
from videotracks.masks.archive import SegmentsReader, SegmentsWriter
from videotracks.masks.packed import pack
from videotracks.npz import write_npz
from videotracks.points.instances.masks import (
    AnnotatedMasks,
    GivenMasks,
    MaskSettings,
    TrackedFrames,
    TrackedMasks,
    opened_masks,
    resized,
)
from videotracks.recording import Recording, View

SIZE = (24, 32)


def box(left, top, width=6, height=5, size=SIZE):
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def tracked(*, views=1, frames=6, stride=1, size=SIZE):
    return TrackedFrames((size,) * views, frames, stride)


def same(masks, expected):
    assert set(masks) == set(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(masks[name], mask)


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "video_segments_scale0.5x.npz"
    with SegmentsWriter(path, level=1, scale=0.5) as writer:
        for frame in range(6):
            objects = {1: box(2 * frame, 4), 7: box(20, 10)} if frame != 3 else {}
            writer.append(frame, f"{frame:05d}", {i: pack(mask, 0.5) for i, mask in objects.items()})
    with SegmentsReader(path) as reader:
        yield reader


def test_tracked_masks_have_the_size_of_the_view(archive):
    masks = TrackedMasks([archive, None], tracked(views=2))
    assert masks.frames(0) == [0, 1, 2, 4, 5]
    assert masks.frames(1) == []
    assert dict(masks.mask(1, 0)) == {}
    assert dict(masks.mask(0, 3)) == {}
    found = masks.mask(0, 2)
    assert found[1].shape == SIZE
    same(found, {1: box(4, 4, height=6), 7: box(20, 10, height=6)})  # half a row more: stored at half of the size
    with pytest.raises(KeyError):
        found[3]


def test_tracked_frames_are_every_so_many_of_the_video_and_smaller(archive):
    masks = TrackedMasks([archive], tracked(frames=3, stride=2, size=(12, 16)))
    assert masks.frames(0) == [0, 1, 2]
    same(masks.mask(0, 2), {1: box(4, 2, 3, 3, (12, 16)), 7: box(10, 5, 3, 3, (12, 16))})


def test_annotations_are_read_by_their_frame(tmp_path):
    ids = box(3, 3).astype("u1") * 2
    ids[0] = 255
    write_annotation(tmp_path / "00004.png", ids)
    masks = AnnotatedMasks([{4: tmp_path / "00004.png"}], [SIZE], tracked(frames=3, stride=2))
    assert masks.frames(0) == [2]
    assert dict(masks.mask(0, 1)) == {}
    same(masks.mask(0, 2), {2: box(3, 3)})


def test_a_users_masks_are_the_same_objects_in_all_views(tmp_path):
    given = {3: np.zeros((2, 6, *SIZE), bool), 12: np.zeros((2, 6, 12, 16), bool)}
    given[3][0, 2], given[3][1, 4] = box(1, 1), box(9, 9)
    given[12][0, 2] = box(2, 2, 4, 4, (12, 16))
    write_npz(tmp_path / "masks.npz", {"3": given[3], "instance_12": given[12]})
    masks = GivenMasks(tmp_path / "masks.npz", [6, 6], tracked(views=2))
    assert masks.names_shared
    assert masks.frames(0) == [2]
    assert masks.frames(1) == [4]
    same(masks.mask(0, 2), {3: box(1, 1), 12: box(4, 4, 8, 8)})
    same(masks.mask(1, 4), {3: box(9, 9)})
    assert dict(masks.mask(1, 5)) == {}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"1": np.zeros((2, 6, 4, 4), bool)}, "1 views and 6 frames"),
        ({"1": np.zeros((1, 5, 4, 4), bool)}, "1 views and 6 frames"),
        ({"1": np.zeros((1, 6, 4, 4), "u1")}, "uint8"),
        ({"a": np.zeros((1, 6, 4, 4), bool)}, "'a'"),
        ({"1": np.zeros((1, 6, 0, 4), bool)}, "0 x 4 px"),
        ({"1": np.zeros((1, 6, 4, 4), bool), "instance_1": np.zeros((1, 6, 4, 4), bool)}, "two names"),
        ({"1": np.asfortranarray(np.zeros((1, 6, 4, 4), bool))}, "Fortran"),
    ],
)
def test_refuses_a_users_file_of_other_arrays(tmp_path, arrays, message):
    np.savez_compressed(tmp_path / "masks.npz", **arrays)
    with pytest.raises(CorruptFileError, match=message) as caught:
        GivenMasks(tmp_path / "masks.npz", [6], tracked())
    assert "masks.npz" in str(caught.value)


def test_refuses_a_users_file_that_is_a_pickle(tmp_path):
    np.savez(tmp_path / "masks.npz", **{"1": np.array([{}], object)})
    with pytest.raises(CorruptFileError, match="dtype object"):
        GivenMasks(tmp_path / "masks.npz", [6], tracked())


def test_refuses_a_users_file_with_damaged_masks(tmp_path):
    path = tmp_path / "masks.npz"
    random = np.random.default_rng(0).integers(0, 2, (1, 6, *SIZE)).astype(bool)
    write_npz(path, {"1": random}, deflate=False)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match="CRC"):
        GivenMasks(path, [6], tracked())


def test_a_picture_keeps_its_halves_whatever_its_size():
    small = resized(np.eye(2, dtype=bool), (4, 6))
    np.testing.assert_array_equal(small, np.kron(np.eye(2), np.ones((2, 3))).astype(bool))
    np.testing.assert_array_equal(resized(small, (2, 2)), np.eye(2))


class Shown:
    """Views of nothing but their cameras' names and sizes."""

    frame_count = 6

    def __init__(self, *names):
        self.cameras = [type("Named", (), {"camera_id": name, "height": 24, "width": 32}) for name in names]


def recording(*names):
    view = {"codec": "png", "pixel_format": "rgb24", "width": 32, "height": 24, "rotation": 0, "fps": 30.0}
    times = {"frame_count": 6, "duration_s": 0.2, "variable_frame_rate": False, "tick": (1, 30), "steps": [(1, 5)]}
    views = [View(camera=name, file=name, **view, **times) for name in names]
    return Recording(key="k", name="k", source="k", views=views, content_hash="0" * 64, posters=[])


def test_annotations_are_found_beside_the_recording(tmp_path):
    for name in ("left", "right"):
        (tmp_path / f"{name}.mp4").touch()
        (tmp_path / "Annotations" / name).mkdir(parents=True)
        write_annotation(tmp_path / "Annotations" / name / "00001.png", box(3, 3).astype("u1"))
    how = MaskSettings(masks="annotations")
    with opened_masks(how, recording("left", "right"), tmp_path, None, Shown("right")) as masks:
        assert masks.frames(0) == [1]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (MaskSettings(masks="annotations"), "no Annotations"),
        (MaskSettings(masks="file"), "names none"),
        (MaskSettings(), "mask_tracks"),
    ],
)
def test_refuses_masks_that_are_not_there(tmp_path, how, message):
    with (
        pytest.raises(RecordingError, match=message),
        opened_masks(how, recording("cam_00"), tmp_path, None, Shown("cam_00")),
    ):
        pass


def test_refuses_cameras_that_are_no_views(tmp_path):
    with (
        pytest.raises(RecordingError, match="cam_07"),
        opened_masks(MaskSettings(), recording("cam_00"), tmp_path, None, Shown("cam_07")),
    ):
        pass
