"""Archives: what goes in comes out one frame at a time, and nothing comes out of an archive that was tampered with."""

import copy
import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videotracks.errors import CorruptFileError
from videotracks.masks.archive import SegmentsReader, SegmentsWriter, video_segments_name
from videotracks.masks.object_archive import verify_archives, write_object_segments
from videotracks.masks.packed import PackedMask, pack, to_json

SHAPE = (11, 13)


def mask(seed: int, scale: float = 1.0, shape=SHAPE) -> PackedMask:
    return pack(np.random.default_rng(seed).random(shape) < 0.4, scale)


def write(path, frames, *, level=2, scale=1.0):
    with SegmentsWriter(path, level=level, scale=scale) as writer:
        for frame, objects in frames.items():
            writer.append(frame, f"frame_{frame:06d}", objects)
    return path


@pytest.fixture
def archives(tmp_path):
    """Three frames, two objects; by frame and by object."""
    path = write(tmp_path / "video_segments.npz", {0: {1: mask(1), 2: mask(2)}, 5: {2: mask(3)}, 9: {}})
    with SegmentsReader(path) as segments:
        write_object_segments(tmp_path / "object_segments.npz", segments, path.name)
    return path, tmp_path / "object_segments.npz"


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def write_members(path, members, compression=zipfile.ZIP_DEFLATED):
    """What another program would write: any order, spaces, dates of today."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, value in members.items():
            archive.writestr(name, value if isinstance(value, str | bytes) else json.dumps(value, indent=1))
    return path


def read_all(path):
    with SegmentsReader(path) as segments:
        return {frame: segments.masks(frame) for frame in segments.frames}


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.integers(0, 2_000_000), st.sets(st.integers(0, 3000), max_size=4), max_size=6),
    st.sampled_from([1.0, 0.3]),
)
def test_gives_back_what_was_written(tmp_path_factory, wanted, scale) -> None:
    frames = {f: {i: mask(f + i, scale) for i in sorted(ids)} for f, ids in sorted(wanted.items())}
    path = write(tmp_path_factory.mktemp("archive") / "a.npz", frames, level=4, scale=scale)
    with SegmentsReader(path) as segments:
        assert (segments.level, segments.scale) == (4, scale)
        assert segments.frames == sorted(wanted)
        assert segments.names == [f"frame_{frame:06d}" for frame in segments.frames]
        assert {frame: set(segments.objects_of(frame)) for frame in segments.frames} == wanted
        assert segments.objects == sorted(set().union(*wanted.values()))
        for object_id in segments.objects:
            assert segments.frames_of(object_id) == [f for f in segments.frames if object_id in wanted[f]]
        assert {frame: segments.masks(frame) for frame in reversed(segments.frames)} == frames
        assert -1 not in segments
        with pytest.raises(KeyError):
            segments.masks(-1)


def test_is_the_documented_zip_of_json(archives) -> None:
    by_frame, by_object = map(members_of, archives)
    assert list(by_frame) == [f"frames/frame_{frame:06d}.json" for frame in (0, 5, 9)] + ["manifest.json"]
    assert by_frame["frames/frame_000005.json"] == {
        "frame_index": 5,
        "frame_name": "frame_000005",
        "objects": {"2": to_json(mask(3))},
    }
    assert by_frame["manifest.json"]["meta"] == {"level": 2, "mask_scale_ratio": 1.0}
    assert by_frame["manifest.json"]["frames"][0] == {
        "frame_index": 0,
        "frame_name": "frame_000000",
        "entry": "frames/frame_000000.json",
        "objects": [1, 2],
    }
    assert by_object == {
        "manifest.json": {
            "meta": {"level": 2, "mask_scale_ratio": 1.0, "linked_video": "video_segments.npz"},
            "objects": {
                "1": [{"frame_index": 0, "frame_entry": "frames/frame_000000.json"}],
                "2": [
                    {"frame_index": 0, "frame_entry": "frames/frame_000000.json"},
                    {"frame_index": 5, "frame_entry": "frames/frame_000005.json"},
                ],
            },
        }
    }
    with zipfile.ZipFile(archives[0]) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}


@pytest.mark.parametrize(("scale", "suffix"), [(1.0, ""), (0.3, "_scale0.3x"), (0.25, "_scale0.25x")])
def test_the_name_carries_the_scale(scale, suffix) -> None:
    assert video_segments_name(scale) == f"video_segments{suffix}.npz"


def test_equal_masks_give_equal_files(tmp_path) -> None:
    one = write(tmp_path / "a.npz", {3: {1: mask(1), 2: mask(2)}})
    other = write(tmp_path / "b.npz", {3: {2: mask(2), 1: mask(1)}})
    assert one.read_bytes() == other.read_bytes()
    for path in (one, other):
        with SegmentsReader(path) as segments:
            write_object_segments(path.with_suffix(".objects"), segments, "video_segments.npz")
    assert one.with_suffix(".objects").read_bytes() == other.with_suffix(".objects").read_bytes()


def test_nothing_is_there_before_the_end_nor_after_an_error(tmp_path) -> None:
    path = tmp_path / "a.npz"

    def twice_the_same_frame() -> None:
        with SegmentsWriter(path, level=2, scale=1.0) as writer:
            for _ in range(2):
                writer.append(0, "frame_000000", {1: mask(1)})
                assert not path.exists()

    with pytest.raises(ValueError, match="after frame 0"):
        twice_the_same_frame()
    assert list(tmp_path.iterdir()) == []


def test_refuses_to_write_frames_out_of_order_and_masks_of_two_sizes(tmp_path) -> None:
    with SegmentsWriter(tmp_path / "a.npz", level=2, scale=1.0) as writer:
        writer.append(4, "frame_000004", {1: mask(1)})
        for frame in (4, 3, -1, 1 << 31):
            with pytest.raises(ValueError, match="after frame 4"):
                writer.append(frame, "again", {})
        with pytest.raises(ValueError, match="those before"):
            writer.append(5, "frame_000005", {1: mask(1, shape=(13, 11))})
        with pytest.raises(ValueError, match="object ids"):
            writer.append(5, "frame_000005", {-1: mask(1)})
    assert list(read_all(tmp_path / "a.npz")) == [4]


def test_memory_does_not_grow_with_the_masks(tmp_path) -> None:
    packed = pack(np.random.default_rng(0).random((720, 1280)) < 0.5)
    frames = 40
    tracemalloc.start()
    write(tmp_path / "a.npz", {frame: {1: packed} for frame in range(frames)})
    with SegmentsReader(tmp_path / "a.npz") as segments:
        for frame in segments.frames:
            segments.masks(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(packed.bits) < frames * len(packed.bits)


def test_opens_what_another_program_wrote(archives) -> None:
    """More keys, ids as text, no full size, other order, the manifest first, nothing deflated."""
    members = members_of(archives[0])
    expected = read_all(archives[0])
    manifest = members.pop("manifest.json")
    manifest["meta"].update(mask_scale_ratio=1, tool="other")
    manifest["frames"].reverse()
    for line in manifest["frames"]:
        line["objects"] = [str(i) for i in reversed(line["objects"])]
    for frame in members.values():
        frame["extra"] = {"frame_index": 1}
        frame["objects"] = {i: dict(reversed(packed.items())) for i, packed in reversed(frame["objects"].items())}
        for packed in frame["objects"].values():
            del packed["full_resolution_shape"]
    foreign = {"manifest.json": manifest, **dict(reversed(members.items()))}
    assert read_all(write_members(archives[0], foreign, zipfile.ZIP_STORED)) == expected
    assert verify_archives(*archives) == []


FRAME = "frames/frame_000000.json"
LINE, OBJECT = ["manifest.json", "frames", 0], [FRAME, "objects", "1"]
DELETED = object()
TAMPERED = {
    "entry outside frames/": ([*LINE, "entry"], "../evil.json", "outside frames/"),
    "absolute entry": ([*LINE, "entry"], "/frames/x.json", "outside frames/"),
    "entry that climbs": ([*LINE, "entry"], "frames/../x.json", "outside frames/"),
    "member outside frames/": (["evil.json"], {}, "evil.json.*outside frames/"),
    "member that climbs": (["frames/../evil.json"], {}, "outside frames/"),
    "unlisted member": (["frames/more.json"], {}, "more.json.*unlisted"),
    "missing member": ([FRAME], DELETED, "000000.json.*missing"),
    "missing manifest": (["manifest.json"], DELETED, "manifest.json.*missing"),
    "an entry listed twice": ([*LINE, "entry"], "frames/frame_000005.json", "unlisted|twice"),
    "a frame listed twice": ([*LINE, "frame_index"], 5, "twice"),
    "an object listed twice": ([*LINE, "objects"], [1, 1, 2], "twice"),
    "no frames": (["manifest.json", "frames"], DELETED, "no list of frames"),
    "frames that are no list": (["manifest.json", "frames"], {}, "no list of frames"),
    "a frame that is none": ([*LINE, "entry"], DELETED, "no list of frames"),
    "no meta": (["manifest.json", "meta"], DELETED, "no meta"),
    "no level": (["manifest.json", "meta", "level"], DELETED, "level"),
    "text for a level": (["manifest.json", "meta", "level"], "2", "level"),
    "infinite scale": (["manifest.json", "meta", "mask_scale_ratio"], float("inf"), "Infinity"),
    "scale of nothing": (["manifest.json", "meta", "mask_scale_ratio"], 0, "mask_scale_ratio"),
    "negative frame": ([*LINE, "frame_index"], -1, "-1 is no number"),
    "fractional frame": ([*LINE, "frame_index"], 0.5, "0.5 is no number"),
    "frame that is no number": ([*LINE, "frame_index"], float("nan"), "NaN"),
    "giant frame": ([*LINE, "frame_index"], 1 << 31, "is no number"),
    "frame true": ([*LINE, "frame_index"], True, "is no number"),
    "object id with a sign": ([*LINE, "objects"], ["+1", 2], "is no number"),
    "object id that is none": ([*LINE, "objects"], [None, 2], "is no number"),
    "objects without list": ([*LINE, "objects"], 3, "no list of objects"),
    "name that is none": ([*LINE, "frame_name"], 3, "no name"),
    "other frame than listed": ([FRAME, "frame_index"], 5, "is not the frame 0"),
    "other name than listed": ([FRAME, "frame_name"], "x", "is not the frame 0"),
    "an object more": ([FRAME, "objects", "3"], to_json(mask(3)), "other objects"),
    "an object less": ([FRAME, "objects", "2"], DELETED, "other objects"),
    "an id that is none": ([FRAME, "objects", "01"], to_json(mask(3)), "'01' is no number"),
    "no objects": ([FRAME, "objects"], [{"shape": [11, 13]}], "no objects by id"),
    "bits that do not fit": ([*OBJECT, "shape"], [11, 29], "000000.json', object 1: packed_bits_b64"),
    "giant shape": ([*OBJECT, "shape"], [1 << 20, 1 << 20], "1048576 x 1048576"),
    "shape of nothing": ([*OBJECT, "shape"], [0, 13], "0 x 13"),
    "shape that is none": ([*OBJECT, "shape"], "x", "shape"),
    "giant full size": ([*OBJECT, "full_resolution_shape"], [1 << 20, 1 << 20], "full_resolution_shape"),
    "another size": ([FRAME, "objects", "2"], to_json(mask(1, shape=(13, 11))), "those before"),
    "bits that are no base64": ([*OBJECT, "packed_bits_b64"], "*" * 24, "object 1: packed_bits_b64"),
    "a frame with much else": ([FRAME, "extra"], "x" * 9000, "would inflate"),
    "a frame that is a list": ([FRAME], [], "not a JSON object|states no shape"),
    "a frame that is no JSON": ([FRAME], '{"shape":[11,13]', "not JSON"),
    "a key twice": ([FRAME], '{"shape":[11,13],"shape":[11,13]}', "key is there twice"),
    "deep nesting": (["manifest.json"], "[" * 50_000, "recursion"),
    "a giant number": ([FRAME], '{"shape":[11,13],"x":' + "9" * 4400 + "}", "not JSON"),
    "text that is no Unicode": (["manifest.json"], b"\xff\xfe{\xff", "not JSON"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_refuses_a_tampered_archive(archives, name) -> None:
    where, value, message = TAMPERED[name]
    members = copy.deepcopy(members_of(archives[0]))
    target = members
    for key in where[:-1]:
        target = target[key]
    if value is DELETED:
        del target[where[-1]]
    else:
        target[where[-1]] = value
    write_members(archives[0], members)
    with pytest.raises(CorruptFileError, match=f"(?s)^{archives[0]}: .*entry .*({message})"):
        read_all(archives[0])
    problems = verify_archives(*archives)
    assert problems
    assert str(archives[0]) in problems[0]


def test_refuses_an_entry_that_is_there_twice(archives) -> None:
    with zipfile.ZipFile(archives[0], "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(FRAME, "{}")
    with pytest.raises(CorruptFileError, match=f"{FRAME}.*twice"):
        SegmentsReader(archives[0])


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_other_compressions(archives, method) -> None:
    write_members(archives[0], members_of(archives[0]), method)
    with pytest.raises(CorruptFileError, match="deflate"):
        SegmentsReader(archives[0])


def test_a_bomb_is_refused_before_it_is_inflated(archives) -> None:
    """64 MiB of spaces, in a frame and in the manifest."""
    members = members_of(archives[0])
    for name in (FRAME, "manifest.json"):
        text = json.dumps(members[name])
        write_members(archives[0], {**members, name: text + " " * (1 << 26)})
        tracemalloc.start()
        with pytest.raises(CorruptFileError, match=rf"{name}.*would inflate to 67,1"):
            read_all(archives[0])
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
        tracemalloc.stop()


def test_a_stated_size_that_lies_is_found_out(archives) -> None:
    """The ZIP directory says 300 bytes; the data inflates to far more."""
    members = members_of(archives[0])
    write_members(archives[0], {**members, FRAME: json.dumps(members[FRAME]) + " " * (1 << 26)})
    data = bytearray(archives[0].read_bytes())
    size = len(json.dumps(members[FRAME])) + (1 << 26)
    for _ in range(2):
        at = data.find(size.to_bytes(4, "little"))
        data[at : at + 4] = (300).to_bytes(4, "little")
    archives[0].write_bytes(data)
    tracemalloc.start()
    with pytest.raises(CorruptFileError, match=FRAME):
        read_all(archives[0])
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_a_damaged_frame_leaves_the_others_readable(archives) -> None:
    data = bytearray(archives[0].read_bytes())
    data[data.find(FRAME.encode()) + len(FRAME) + 20] ^= 0x55
    archives[0].write_bytes(data)
    with SegmentsReader(archives[0]) as segments:
        with pytest.raises(CorruptFileError, match=f"{FRAME}.*cannot be read"):
            segments.masks(0)
        assert list(segments.masks(5)) == [2]
    (problem,) = verify_archives(*archives)
    assert FRAME in problem


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_gives_anything_but_the_right_masks_or_an_error(tmp_path_factory, data) -> None:
    path = write(tmp_path_factory.mktemp("damage") / "a.npz", {0: {1: mask(1), 2: mask(2)}, 5: {2: mask(3)}})
    expected, original = read_all(path), path.read_bytes()
    damaged = bytearray(original[: data.draw(st.integers(0, len(original)))]) if data.draw(st.booleans()) else None
    if damaged is None:
        damaged = bytearray(original)
        for _ in range(data.draw(st.integers(1, 3))):
            damaged[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        found = read_all(path)
    except CorruptFileError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert found == expected


def test_says_when_there_is_no_file_or_no_archive(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="materialise"):
        SegmentsReader(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no ZIP at all")
    with pytest.raises(CorruptFileError, match="ZIP"):
        SegmentsReader(tmp_path / "text.npz")


def test_archives_that_agree_have_no_problems(archives) -> None:
    assert verify_archives(*archives) == []


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (["meta", "linked_video"], "other.npz", "links to 'other.npz'"),
        (["meta", "level"], 4, "level 4"),
        (["objects", "1"], [], "object 1 refers to 0 frames, 1 have it"),
        (["objects", "3"], [{"frame_index": 0, "frame_entry": FRAME}], "object 3 refers to 1 frames, 0 have it"),
        (["objects", "1", 0, "frame_index"], 5, "frame 5 is not at"),
        (["objects", "1", 0, "frame_index"], 77, "frame 77 is not at"),
        (["objects", "1", 0, "frame_entry"], "frames/../evil.json", "is not at 'frames/../evil.json'"),
        (["objects", "1", 0], 7.5, "no list of references"),
        (["objects", "01"], [], "'01' is no number"),
        (["objects"], [], "no objects by id"),
        (["padding"], "x" * 100_000, "would inflate"),
    ],
)
def test_tells_where_the_archive_by_object_disagrees(archives, where, value, message) -> None:
    manifest = members_of(archives[1])["manifest.json"]
    target = manifest
    for key in where[:-1]:
        target = target[key]
    target[where[-1]] = value
    write_members(archives[1], {"manifest.json": manifest})
    (problem,) = verify_archives(*archives)
    assert problem.startswith(str(archives[1]))
    assert message in problem


def test_tells_of_missing_archives(archives) -> None:
    archives[1].unlink()
    (problem,) = verify_archives(*archives)
    assert "object_segments.npz" in problem
    archives[0].unlink()
    (problem,) = verify_archives(*archives)
    assert "video_segments.npz" in problem
