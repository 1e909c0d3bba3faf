"""depth.h5: what was written comes back, frame by frame, and nothing of a file is trusted."""

import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from videotracks.errors import CorruptFileError
from videotracks.points.depth.store import FORMAT_VERSION, VIEW, DepthStore, DepthWriter, ViewSize

SIZE = ViewSize("cam_00", 3, 6, 8)


def some_depth(frames=3, height=6, width=8, seed=0):
    random = np.random.default_rng(seed)
    depth = random.uniform(0.5, 9, (frames, height, width)).astype("f4")
    depth[random.random(depth.shape) < 0.2] = 0
    return depth


def written(path, depth=None, **range_m):
    depth = some_depth() if depth is None else depth
    with DepthWriter(path, [ViewSize("cam_00", *depth.shape)], **range_m) as writer:
        for t, frame in enumerate(depth):
            writer.write(0, t, frame)
    return path


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        "f4",
        st.tuples(*[st.integers(1, 9)] * 3),
        elements=st.floats(-1, 12, width=32) | st.sampled_from([0, np.nan, np.inf]),
    )
)
def test_depth_comes_back_to_half_a_millimetre_and_what_is_out_of_range_as_none(tmp_path_factory, depth):
    path = written(tmp_path_factory.mktemp("depth") / "depth.h5", depth)
    known = (depth >= 1e-6) & (depth <= 10)
    with DepthStore.open(path) as store:
        found = np.stack([store.frame(0, t) for t in range(store.frame_count(0))])
        assert found.dtype == np.float32
        assert store.size(0) == depth.shape[1:]
    np.testing.assert_allclose(found[known], depth[known], atol=0.00051, rtol=0)
    assert not found[~known].any()


def test_any_hdf5_reader_reads_millimetres(tmp_path):
    depth = some_depth()
    with h5py.File(written(tmp_path / "depth.h5", depth)) as file:
        dataset = file["view_000"]
        assert (dataset.dtype, dataset.chunks, dataset.compression) == (np.dtype("u2"), (1, 6, 8), "gzip")
        np.testing.assert_array_equal(dataset[:], np.rint(depth * 1000).astype("u2"))


def test_views_of_different_size_and_length_written_in_turn_come_back(tmp_path):
    depths = [some_depth(4, 6, 8), some_depth(2, 5, 3, seed=1), np.zeros((7, 2, 2), "f4")]
    sizes = [ViewSize(name, *depth.shape) for name, depth in zip("abc", depths, strict=True)]
    with DepthWriter(tmp_path / "depth.h5", sizes) as writer:
        for t in range(4):
            for view in (0, 1):
                if t < len(depths[view]):
                    share = writer.write(view, t, depths[view][t])
                    assert share == np.mean(depths[view][t] > 0)
    with DepthStore.open(tmp_path / "depth.h5") as store:
        assert store.cameras == ["a", "b", "c"]
        assert [store.has_depth(view) for view in range(3)] == [True, True, False]
        for view, depth in enumerate(depths):
            assert (store.frame_count(view), *store.size(view)) == depth.shape
            for t in reversed(range(len(depth))):
                np.testing.assert_allclose(store.frame(view, t), depth[t], atol=0.00051)
        with pytest.raises(IndexError, match=r"depth\.h5: view_001: frame 2 of 2"):
            store.frame(1, 2)


def test_order_in_memory_does_not_matter(tmp_path):
    depth = some_depth()
    plain, turned = written(tmp_path / "a.h5", depth), written(tmp_path / "b.h5", np.asfortranarray(depth))
    with DepthStore.open(plain) as a, DepthStore.open(turned) as b:
        assert a.content_version() == b.content_version()
        np.testing.assert_array_equal(a.frame(0, 1), b.frame(0, 1))


def test_a_frame_that_was_left_out_is_none(tmp_path):
    depth = some_depth()
    with DepthWriter(tmp_path / "depth.h5", [SIZE]) as writer:
        writer.write(0, 2, depth[2])
    with DepthStore.open(tmp_path / "depth.h5") as store:
        assert [store.frame(0, t).any() for t in range(3)] == [False, False, True]


def test_a_frame_is_read_without_the_others(tmp_path):
    """Damage in one frame is no concern of another."""
    path = written(tmp_path / "depth.h5")
    damage(path, frame=1)
    with DepthStore.open(path) as store:
        assert store.frame(0, 0).any()
        assert store.frame(0, 2).any()
        with pytest.raises(CorruptFileError, match=r"depth\.h5: view_000: damaged bytes in the chunk at \(1, 0, 0\)"):
            store.frame(0, 1)


def damage(path, frame):
    with h5py.File(path) as file:
        stored = file["view_000"].id.get_chunk_info_by_coord((frame, 0, 0))
    data = bytearray(path.read_bytes())
    data[stored.byte_offset + stored.size // 2] ^= 0x55
    path.write_bytes(data)


def test_content_version_tells_depth_apart_and_knows_no_time(tmp_path):
    def version(name, **changes):
        with DepthStore.open(written(tmp_path / name, **changes)) as store:
            return store.content_version()

    other = some_depth()
    other[2, 0, 0] += 0.002
    assert version("a.h5") == version("b.h5")
    assert len({version("a.h5"), version("c.h5", depth=other), version("d.h5", far_m=5.0)}) == 3


def test_what_was_not_closed_in_good_order_is_refused(tmp_path):
    def fail(path):
        with DepthWriter(path, [SIZE]) as writer:
            writer.write(0, 0, some_depth()[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path / "depth.h5")
    with pytest.raises(CorruptFileError, match=r"depth\.h5: format_version is None.*materialise depth_maps again"):
        DepthStore.open(tmp_path / "depth.h5")


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="materialise depth_maps"):
        DepthStore.open(tmp_path / "depth.h5")


@pytest.mark.parametrize("keep", [0, 1, 100, 0.3, 0.6, 0.99])
def test_a_file_cut_anywhere_is_refused(tmp_path, keep):
    path = written(tmp_path / "depth.h5")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(CorruptFileError, match=r"depth\.h5"):
        DepthStore.open(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_flipped_bits_give_depth_or_an_error_of_this_project(tmp_path_factory, data):
    path = written(tmp_path_factory.mktemp("depth") / "depth.h5")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    refused = ""
    try:
        with DepthStore.open(path) as store:
            for t in range(min(store.frame_count(0), 3)):
                store.frame(0, t)
    except CorruptFileError as error:
        refused = str(error)
    assert not refused or "depth.h5" in refused


def foreign(path, build, version=FORMAT_VERSION):
    """A file as an attacker, or another program, would make it."""
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        build(file)
        for name in file:
            link = file.get(name, getlink=True)
            if isinstance(link, h5py.HardLink) and isinstance(file[name], h5py.Dataset):
                file[name].attrs.setdefault("camera", name)
                file[name].attrs.setdefault("content", "0" * 64)
        if version is not None:
            file.attrs["format_version"] = version
    return path


NAME = VIEW.format(0)
CHUNKED = {"chunks": (1, 4, 4), "dtype": "<u2"}


def elsewhere(file):
    file[NAME] = h5py.ExternalLink("/etc/passwd", "x")


def external(file):
    file.create_dataset(NAME, (2, 4, 4), "<u2", external=[("/etc/passwd", 0, 64)])


def virtual(file):
    layout = h5py.VirtualLayout((2, 4, 4), "<u2")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (2, 4, 4))
    file.create_virtual_dataset(NAME, layout)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda f: None, "0 members"),
        (lambda f: f.create_group(NAME), "view_000 is no dataset"),
        (lambda f: f.create_dataset("depth", (2, 4, 4), **CHUNKED), "view_000 is missing"),
        (elsewhere, "view_000 is a link to elsewhere"),
        (external, "view_000 is virtual or external"),
        (virtual, "view_000 is virtual or external"),
        (lambda f: f.create_dataset(NAME, (2, 4, 4), "<f4", chunks=(1, 4, 4)), "view_000: expected u16 millimetres"),
        (lambda f: f.create_dataset(NAME, (2, 4, 4), h5py.string_dtype()), "view_000: expected u16 or floats"),
        (lambda f: f.create_dataset(NAME, (4, 4), "<u2"), "view_000: expected .frames, height, width."),
        (lambda f: f.create_dataset(NAME, data=h5py.Empty("<u2")), "view_000: expected .frames, height, width."),
        (lambda f: f.create_dataset(NAME, (0, 4, 4), **CHUNKED, maxshape=(None, 4, 4)), "is no number of frames"),
        (lambda f: f.create_dataset(NAME, (10**9, 4, 4), **CHUNKED), "is no number of frames"),
        (lambda f: f.create_dataset(NAME, (1, 60_000, 60_000), "<u2", chunks=(1, 9, 9)), "px at most"),
        (lambda f: f.create_dataset(NAME, (10**6, 900, 900), "<u2", chunks=(1000, 9, 9)), "chunks .* are too large"),
        (lambda f: f.create_dataset(NAME, (10**6, 99, 99), "<u2"), "not all of it is stored"),
        (lambda f: f.create_dataset(NAME, (2, 4, 4), **CHUNKED, compression="lzf"), "only gzip and shuffle"),
        (lambda f: f.create_dataset(NAME, (2, 4, 4), **CHUNKED, fletcher32=True), "only gzip and shuffle"),
    ],
)  # fmt: skip
def test_refuses_what_is_no_depth_file_and_names_file_and_dataset(tmp_path, build, says):
    path = foreign(tmp_path / "depth.h5", build)
    with pytest.raises(CorruptFileError, match=rf"depth\.h5: .*{says}.*materialise depth_maps again"):
        DepthStore.open(path)


def test_refuses_another_version(tmp_path):
    path = foreign(tmp_path / "depth.h5", lambda f: f.create_dataset(NAME, (2, 4, 4), **CHUNKED), version=2)
    with pytest.raises(CorruptFileError, match="format_version is 2, 1 is read"):
        DepthStore.open(path)


@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        (zlib.compress(bytes(50_000_000)), "instead of 32|takes .* bytes"),
        (zlib.compress(bytes(40)), "inflates beyond 32"),
        (zlib.compress(bytes(32))[:-4], "is cut"),
        (zlib.compress(bytes(31)), "holds 31 bytes instead of 32"),
        (zlib.compress(bytes(30)), "holds 30 bytes instead of 32"),
        (b"no stream at all", "damaged bytes"),
    ],
)
def test_no_chunk_inflates_into_more_than_a_frame(tmp_path, chunk, says):
    def build(file):
        dataset = file.create_dataset(NAME, (2, 4, 4), **CHUNKED, compression="gzip", shuffle=True)
        dataset.id.write_direct_chunk((1, 0, 0), chunk)

    with (
        DepthStore.open(foreign(tmp_path / "depth.h5", build)) as store,
        pytest.raises(CorruptFileError, match=rf"depth\.h5: view_000: .*({says})"),
    ):
        store.frame(0, 1)


@pytest.mark.parametrize(
    ("frame", "shape", "says"), [(0, (8, 6), "shape"), (3, (6, 8), "expected 0 to 2"), (-1, (6, 8), "expected 0")]
)
def test_the_writer_refuses_what_does_not_fit(tmp_path, frame, shape, says):
    with DepthWriter(tmp_path / "depth.h5", [SIZE]) as writer, pytest.raises(ValueError, match=says):
        writer.write(0, frame, np.ones(shape))


def test_the_writer_refuses_views_that_cannot_be(tmp_path):
    for views in ([], [SIZE, SIZE], [SIZE._replace(camera="")], [SIZE._replace(height=0)], [SIZE._replace(frames=0)]):
        with pytest.raises(ValueError, match=r"expected|at most"):
            DepthWriter(tmp_path / "depth.h5", views)
    with pytest.raises(ValueError, match="near < far"):
        DepthWriter(tmp_path / "depth.h5", [SIZE], far_m=100)
