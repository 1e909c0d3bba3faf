"""Manifests: what is written comes back a frame at a time, and what is no manifest is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videotracks.errors import CorruptFileError
from videotracks.masks.candidates import json_frames
from videotracks.masks.candidates.json_frames import JsonFrames
from videotracks.masks.candidates.manifest import Candidate, CandidateFrame, frame_name, read_manifest, write_manifest
from videotracks.masks.candidates.semantic_sam import open_stack, read_semantic_sam
from videotracks.masks.packed import pack, unpack


def candidate(frame: int, name: str = "1", level: int = 2, box=(3, 2, 5, 4), size=(16, 20)) -> Candidate:
    mask = np.zeros(size, bool)
    x, y, w, h = box
    mask[y : y + h, x : x + w] = True
    return Candidate(frame, name, box, int(mask.sum()), 0.95, level, pack(mask))


def frame_of(index: int, *items: Candidate) -> CandidateFrame:
    return CandidateFrame(index, frame_name(index), list(items))


def changed(path, change) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "filtered.json"
    write_manifest(
        path, 2, [frame_of(0, candidate(0), candidate(0, "gap_00001")), frame_of(30), frame_of(60, candidate(60))]
    )
    return path


def test_what_was_written_comes_back(written) -> None:
    manifest = read_manifest(written)
    assert manifest.level == 2
    assert manifest.indices == [0, 30, 60]
    assert [len(frame.items) for frame in manifest.frames] == [2, 0, 1]
    assert manifest.frames[0] == frame_of(0, candidate(0), candidate(0, "gap_00001"))
    assert list(manifest.frames)[2].frame_name == "frame_000060"


def test_the_file_is_as_the_specification_says(written) -> None:
    frame = json.loads(written.read_text())["frames"][0]
    assert set(frame) == {"frame_idx", "frame_name", "count", "items"}
    item = frame["items"][0]
    keys = "frame_idx frame_name bbox bbox_xyxy area stability_score level id mask"
    assert set(item) == set(keys.split())
    assert item["bbox"] == [3, 2, 5, 4]
    assert item["bbox_xyxy"] == [3, 2, 8, 6]
    assert {"shape", "packed_bits_b64"} <= set(item["mask"])


def test_a_file_is_there_only_when_it_is_complete(tmp_path) -> None:
    def failing():
        yield frame_of(0)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_manifest(tmp_path / "filtered.json", 2, failing())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="frame 3 after frame 3"):
        write_manifest(tmp_path / "filtered.json", 2, [frame_of(3), frame_of(3)])


def test_no_frames_at_all(tmp_path) -> None:
    write_manifest(tmp_path / "filtered.json", 4, [])
    manifest = read_manifest(tmp_path / "filtered.json")
    assert manifest.level == 4
    assert list(manifest.frames) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["frames"][1].update(frame_idx=0), "ascending"),
        (lambda v: v["frames"][0].update(count=7), "count"),
        (lambda v: v["frames"][0].update(frame_idx=True), "frame_idx"),
        (lambda v: v["frames"][0]["items"][0].update(frame_idx=5), "stands in frame 0"),
        (lambda v: v["frames"][0]["items"][0].update(level=6), "level 6"),
        (lambda v: v["frames"][0]["items"][0].update(stability_score=1.5), "stability_score"),
        (lambda v: v["frames"][0]["items"][0].update(area=10**9), "area"),
        (lambda v: v["frames"][0]["items"][0].update(bbox=[0, 0, -1, 4]), "bbox"),
        (lambda v: v["frames"][0]["items"][0].update(id="gap_00001"), "same id"),
        (lambda v: v["frames"][0]["items"][0].update(id="a\nb"), "id"),
        (lambda v: v["frames"][0]["items"][0]["mask"].update(shape=[10**6, 10**6]), "shape"),
        (lambda v: v["frames"][0]["items"][0]["mask"].update(packed_bits_b64="AAAA"), "packed_bits_b64"),
        (lambda v: v.update(frames={}), "list"),
        (lambda v: v.update(frames=[[]]), "object"),
        (lambda v: v.update(frames=[1, 2]), "commas"),
    ],
)
def test_refuses_what_does_not_fit(written, change, message) -> None:
    changed(written, change)
    with pytest.raises(CorruptFileError, match=message):
        read_manifest(written)


def test_refuses_another_level_and_a_file_without_one(written) -> None:
    with pytest.raises(CorruptFileError, match="expected level 4"):
        read_manifest(written, 4)
    written.write_text('{"frames": []}')
    with pytest.raises(CorruptFileError, match="say which level"):
        read_manifest(written)
    assert read_manifest(written, 4).level == 4


def test_a_file_cut_anywhere_is_refused(written) -> None:
    whole = written.read_bytes()
    for length in range(0, len(whole) - 2, 7):
        written.write_bytes(whole[:length])
        with pytest.raises(CorruptFileError):
            read_manifest(written)


def test_whole_number_ids_become_text(written) -> None:
    changed(written, lambda v: v["frames"][0]["items"][0].update(id=17))
    assert [item.id for item in read_manifest(written).frames[0].items] == ["17", "gap_00001"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
OBJECTS = st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=5),
    st.dictionaries(st.text(), JSON, max_size=3),
    st.sampled_from([None, 1]),
)
def test_elements_are_found_whatever_stands_in_the_strings(tmp_path_factory, elements, beside, indent) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    beside.pop("frames", None)
    first = {"a": '"frames": [', **beside}
    path.write_text(
        json.dumps({**first, "frames": elements, "z": "]}"}, indent=indent, ensure_ascii=bool(indent)), "utf-8"
    )
    file = JsonFrames(path, "frames", 100)
    assert list(file.elements()) == elements
    assert file.beside == {**first, "z": "]}"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"frames": [}',
        '{"frames": [{"a": NaN}]}',
        '{"frames": [{}}',
        '{"frames": [{} {}]}',
        '{"frames": [{},]}',
        '{"frames": ["]}',
        '{"frames": [], "frames": [1]}',
        '{"frames": []} x',
        '{"x": ' + "[" * 100 + "]" * 100 + ', "frames": []}',
        '\\"' * 5000,
    ],
)
def test_refuses_what_is_no_object_with_a_list(tmp_path, text) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(CorruptFileError):
        list(JsonFrames(tmp_path / "a.json", "frames", 100).elements())


def test_refuses_more_than_the_bounds(tmp_path, monkeypatch) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"frames": [{"a": "x" * 50}] * 3, "b": "y" * 90}))
    with pytest.raises(CorruptFileError, match="more than 2 elements"):
        JsonFrames(tmp_path / "a.json", "frames", 2)
    monkeypatch.setattr(json_frames, "MAX_SHELL_BYTES", 80)
    with pytest.raises(CorruptFileError, match="beside"):
        JsonFrames(tmp_path / "a.json", "frames", 3)
    monkeypatch.setattr(json_frames, "MAX_ELEMENT_BYTES", 40)
    with pytest.raises(CorruptFileError, match="element 0"):
        JsonFrames(tmp_path / "a.json", "frames", 3)


def old_items(frames, with_frame: bool):
    return [
        {"bbox": [3, 2, 5, 4], "area": 20, "stability_score": 0.95, "level": 2}
        | ({"frame_idx": f} if with_frame else {})
        for f in frames
    ]


@pytest.mark.parametrize("dtype", [bool, np.uint8])
@pytest.mark.parametrize("flat", [False, True])
def test_imports_stacks_beside_the_candidates(tmp_path, dtype, flat) -> None:
    stack = np.zeros((2, 16, 20), dtype)
    stack[0, 2:6, 3:8] = stack[1, 10:, 10:] = 1
    np.save(tmp_path / "seg_frame_00004.npy", stack if dtype is bool else stack * 255)
    np.save(tmp_path / "seg_frame_00009.npy", np.asfortranarray(stack[1:]))
    if flat:
        value = {"items": old_items([4, 4, 9], True)}
    else:
        value = {"frames": [{"frame_idx": f, "items": old_items([f] * n, False)} for f, n in ((4, 2), (9, 1))]}
    (tmp_path / "candidates.json").write_text(json.dumps(value, indent=1))
    manifest = read_semantic_sam(tmp_path, 2)
    assert manifest.indices == [4, 9]
    found = [unpack(item.mask) for frame in manifest.frames for item in frame.items]
    assert all((a == b).all() for a, b in zip(found, [stack[0] > 0, stack[1] > 0, stack[1] > 0], strict=True))
    assert [item.id for item in manifest.frames[0].items] == ["0", "1"]


def test_imports_packed_masks_from_the_folders_of_the_older_tools(written, tmp_path) -> None:
    folder = tmp_path / "level_2" / "filtered"
    folder.mkdir(parents=True)
    written.rename(folder / "filtered.json")
    assert read_semantic_sam(tmp_path, 2).indices == [0, 30, 60]
    with pytest.raises(CorruptFileError, match="is it the folder"):
        read_semantic_sam(tmp_path, 4)


def test_a_stack_is_refused_where_it_would_need_unpickling(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(CorruptFileError, match="unpickling"):
        open_stack(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3, 4), "f4"), np.zeros((3, 4), bool), np.zeros((1, 0, 4), bool), np.zeros((20_000, 1, 1), bool)],
)
def test_refuses_stacks_of_another_kind(tmp_path, array) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(CorruptFileError, match=r"expected bool|no size"):
        open_stack(tmp_path / "a.npy")


def test_refuses_a_stack_that_is_not_whole_or_not_there(tmp_path) -> None:
    path = tmp_path / "a.npy"
    with pytest.raises(CorruptFileError, match="not there"):
        open_stack(path)
    np.save(path, np.zeros((4, 8, 8), bool))
    data = path.read_bytes()
    for cut in (3, 40, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(CorruptFileError):
            open_stack(path)
