"""COCO: other tools read the masks that the archive holds."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from videotracks.errors import CorruptFileError
from videotracks.masks import coco
from videotracks.masks.archive import SegmentsReader, SegmentsWriter
from videotracks.masks.coco import export_coco, export_coco_images
from videotracks.masks.packed import bounding_box, pack, unpack_full

SHAPE = (17, 23)
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@st.composite
def frames(draw):
    """Masks of some objects in some frames; a few of them empty."""
    scale = draw(st.sampled_from([1.0, 0.4]))
    wanted = draw(st.dictionaries(st.integers(0, 40), st.sets(st.integers(1, 9), max_size=3), max_size=5))

    def one(seed):
        mask = np.random.default_rng(seed).random(SHAPE) < 0.5
        return pack(mask & (seed % 5 != 0), scale)

    return scale, {frame: {i: one(41 * frame + i) for i in sorted(ids)} for frame, ids in sorted(wanted.items())}


def archive(folder, scale, content):
    with SegmentsWriter(folder / "a.npz", level=6, scale=scale) as writer:
        for frame, objects in content.items():
            writer.append(frame, f"frame_{frame:06d}", objects)
    return SegmentsReader(folder / "a.npz")


def seen_in(content):
    """Full masks that are not empty, by object and frame."""
    found = {}
    for frame, objects in content.items():
        for object_id, packed in objects.items():
            mask = unpack_full(packed)
            if mask.any():
                found.setdefault(object_id, {})[frame] = mask
    return found


def check(mask, rle, box, area):
    assert np.array_equal(coco_mask.decode(rle), mask)
    assert tuple(box) == bounding_box(mask)
    assert area == mask.sum()


@settings(max_examples=25, deadline=None)
@given(frames())
def test_every_object_has_its_masks_in_their_frames(tmp_path_factory, given_frames) -> None:
    scale, content = given_frames
    folder, expected = tmp_path_factory.mktemp("coco"), seen_in(content)
    with archive(folder, scale, content) as segments:
        count = export_coco(segments, folder / "coco.json", video="street")
    written = json.loads((folder / "coco.json").read_text())
    assert count == len(expected) == len(written["annotations"])
    (video,) = written["videos"]
    assert (video["height"], video["width"]) == (SHAPE if expected else (0, 0))
    assert video["length"] == len(content)
    assert video["frame_indices"] == list(content)
    assert video["file_names"] == [f"street/frame_{frame:06d}.jpg" for frame in content]
    assert [annotation["id"] for annotation in written["annotations"]] == sorted(expected)
    for annotation in written["annotations"]:
        assert annotation["video_id"] == video["id"]
        assert annotation["category_id"] == written["categories"][0]["id"]
        columns = [annotation[key] for key in ("segmentations", "bboxes", "areas")]
        for frame, rle, box, area in zip(content, *columns, strict=True):
            mask = expected[annotation["id"]].get(frame)
            if mask is None:
                assert (rle, box, area) == (None, None, None)
            else:
                check(mask, rle, box, area)


@settings(max_examples=25, deadline=None)
@given(frames())
def test_pycocotools_opens_the_images(tmp_path_factory, given_frames) -> None:
    scale, content = given_frames
    folder, expected = tmp_path_factory.mktemp("coco"), seen_in(content)
    with archive(folder, scale, content) as segments:
        count = export_coco_images(segments, folder / "coco.json", video="street")
    opened = COCO(str(folder / "coco.json"))
    assert opened.getImgIds() == list(content)
    annotations = opened.loadAnns(opened.getAnnIds())
    assert count == len(annotations) == sum(map(len, expected.values()))
    for annotation in annotations:
        mask = expected[annotation["track_id"]][annotation["image_id"]]
        assert np.array_equal(opened.annToMask(annotation), mask)
        check(mask, annotation["segmentation"], annotation["bbox"], annotation["area"])


def test_long_absences_are_written_in_parts(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(coco, "_NULLS_AT_ONCE", 3)
    packed = pack(np.ones(SHAPE, bool))
    with archive(tmp_path, 1.0, {frame: {1: packed} if frame in (8, 9, 16) else {} for frame in range(20)}) as segments:
        export_coco(segments, tmp_path / "coco.json", video="street")
    (annotation,) = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    assert annotation["areas"] == [SHAPE[0] * SHAPE[1] if frame in (8, 9, 16) else None for frame in range(20)]


def test_nothing_is_left_of_an_export_that_fails(tmp_path) -> None:
    packed = pack(np.ones(SHAPE, bool))
    segments = archive(tmp_path, 1.0, {0: {1: packed}, 1: {1: packed}})
    damaged = bytearray((tmp_path / "a.npz").read_bytes())
    damaged[damaged.find(b"frames/frame_000001.json") + 40] ^= 0x55
    (tmp_path / "a.npz").write_bytes(damaged)
    with segments:
        for export in (export_coco, export_coco_images):
            with pytest.raises(CorruptFileError, match="frame_000001"):
                export(segments, tmp_path / "coco.json", video="street")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_memory_does_not_grow_with_the_masks(tmp_path) -> None:
    noise, peaks = pack(np.random.default_rng(0).random((90, 160)) < 0.5), []
    for frames in (3, 3, 60):  # the first pays for imports
        with archive(tmp_path, 1.0, {frame: {1: noise} for frame in range(frames)}) as segments:
            tracemalloc.start()
            export_coco(segments, tmp_path / "coco.json", video="street")
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]
    assert (tmp_path / "coco.json").stat().st_size > peaks[1]
