"""Files of generated tracks: what is written is read back, a stop loses nothing, damage is told."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from videotracks.errors import CorruptFileError
from videotracks.persistence.generator import writing
from videotracks.persistence.generator.plan import SplitScenes, TracksSettings, planned_scenes
from videotracks.persistence.generator.scene import generate_scene
from videotracks.persistence.generator.store import GeneratedTracks, write_tracks
from videotracks.persistence.generator.track_table import joined

NONE = SplitScenes()
SMALL = TracksSettings(matched=SplitScenes(train=2, test=1), classic=NONE, planted=SplitScenes(test=1))


class Stopped(Exception):
    """As if the process had been killed."""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("tracks") / "small.h5"
    write_tracks(path, SMALL)
    return path


@pytest.fixture
def tracks(small):
    with GeneratedTracks.open(small) as opened:
        yield opened


def test_tracks_come_back_as_they_were_made(tracks) -> None:
    planned = list(planned_scenes(SMALL))
    made = [m for scene in planned[:2] for m in generate_scene(scene.seed, scene.settings).tracks]
    rows = tracks.split("train")
    assert len(rows) == len(made)
    assert rows.label.tolist() == [m.label for m in made]
    assert rows.kind.tolist() == [m.kind for m in made]
    assert rows.length.tolist() == rows.k.tolist() == [len(m.track) for m in made]
    for i, wanted in enumerate(made):
        found = rows.track(i)
        assert np.array_equal(found.boxes, wanted.track.boxes)
        assert np.array_equal(found.frame_numbers, wanted.track.frame_numbers)
        assert np.array_equal(rows.corrupted(i), wanted.corrupted)
        # JPEG: near, not equal.
        assert np.abs(found.crops.astype("f4") - wanted.track.crops).mean() < 8


def test_splits_share_no_scene(tracks) -> None:
    parts = [tracks.split("train"), tracks.split("test"), tracks.split("test", "planted")]
    assert sum(map(len, parts)) == len(tracks)
    seeds = [set(part.scene.tolist()) for part in parts]
    assert sum(map(len, seeds)) == len(set.union(*seeds)) == 4
    assert len(tracks.split("validation")) == 0


def test_clips_are_the_crops_by_number_and_by_slice(tracks) -> None:
    rows = tracks.split("test")
    clips = rows.clips()
    assert len(clips) == len(rows)
    assert np.array_equal(clips[-1], rows.crops(len(rows) - 1))
    assert [len(c) for c in clips[1:4]] == rows.length[1:4].tolist()
    with pytest.raises(IndexError):
        clips[len(rows)]


def test_a_stopped_run_goes_on_and_comes_to_the_same_bytes(small, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(writing, "PART_SCENES", 1)
    path, generated = tmp_path / "again.h5", []

    def counted(seed, settings):
        generated.append(seed)
        if len(generated) == 3:
            raise Stopped
        return generate_scene(seed, settings)

    monkeypatch.setattr(writing, "generate_scene", counted)
    with pytest.raises(Stopped):
        write_tracks(path, SMALL)
    assert not path.exists()
    (parts,) = (tmp_path / ".again.h5.parts").iterdir()
    (parts / "0000001.npz").write_bytes(b"cut off")
    told = []
    write_tracks(path, SMALL, lambda done, total: told.append((done, total)))
    assert generated == [0, 1, 2, 1, 2, 3]
    assert told[-1] == (4, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["again.h5"]
    assert path.read_bytes() == small.read_bytes()


def test_parts_of_other_settings_are_not_used(tmp_path) -> None:
    path = tmp_path / "tracks.h5"
    old = tmp_path / ".tracks.h5.parts" / "0123456789abcdef"
    old.mkdir(parents=True)
    (old / "0000000.npz").write_bytes(b"of something else")
    write_tracks(path, SMALL.model_copy(update={"matched": NONE}))
    with GeneratedTracks.open(path) as tracks:
        assert set(tracks.table.set.tolist()) == {2}
    assert not old.exists()


def test_the_version_follows_the_content(small, tmp_path) -> None:
    with GeneratedTracks.open(small) as one:
        version = one.content_version()
        assert version == one.content_version()
    other = tmp_path / "other.h5"
    write_tracks(other, TracksSettings(first_seed=9, matched=NONE, classic=NONE, planted=SplitScenes(test=1)))
    with GeneratedTracks.open(other) as two:
        assert two.content_version() != version


def damaged(small, tmp_path, change):
    path = tmp_path / "damaged.h5"
    path.write_bytes(small.read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def set_value(name, at, value):
    def change(file):
        file[name][at] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.attrs.__delitem__("settings"),
        lambda file: file.attrs.__setitem__("settings", "{}x"),
        lambda file: file.attrs.__setitem__("format_version", 99),
        lambda file: file.__delitem__("boxes"),
        set_value("offsets", 1, 1 << 40),
        set_value("crop_offsets", 3, 0),
        set_value("kind", 0, 77),
    ],
)  # fmt: skip
def test_refuses_a_damaged_file_by_its_name(small, tmp_path, change) -> None:
    with pytest.raises(CorruptFileError, match=r"damaged\.h5.*materialise synthetic_tracks"):
        GeneratedTracks.open(damaged(small, tmp_path, change))


def test_refuses_damaged_crops_when_they_are_read(small, tmp_path) -> None:
    path = damaged(small, tmp_path, set_value("blob", slice(300, 320), 0))
    with GeneratedTracks.open(path) as tracks, pytest.raises(CorruptFileError, match="track 0 do not match"):
        tracks.crops(0)


def test_refuses_half_a_file_and_none(small, tmp_path) -> None:
    half = tmp_path / "half.h5"
    half.write_bytes(small.read_bytes()[: small.stat().st_size // 2])
    with pytest.raises(CorruptFileError, match=r"half\.h5"):
        GeneratedTracks.open(half)
    with pytest.raises(FileNotFoundError, match="materialise"):
        GeneratedTracks.open(tmp_path / "none.h5")


def test_reading_a_track_touches_little_of_the_file(small) -> None:
    class Counting:
        def __init__(self, file):
            self.file, self.bytes = file, 0

        def __getattr__(self, name):
            return getattr(self.file, name)

        def readinto(self, buffer):
            read = self.file.readinto(buffer)
            self.bytes += read
            return read

    with small.open("rb") as raw:
        counting = Counting(raw)
        with GeneratedTracks.open(counting, "small") as tracks:
            before = counting.bytes
            row = int(np.argmin(tracks.split("train").length))
            tracks.crops(row)
            sizes = np.diff(tracks.table.crop_offsets)[tracks.observations(row)]
            assert counting.bytes - before <= sizes.sum() + 4096


def test_joined_tables_keep_their_parts(tracks) -> None:
    table = tracks.table
    twice = joined([table, table])
    assert twice.row_count == 2 * table.row_count
    n, o = table.row_count, len(table.frame_numbers)
    assert np.array_equal(twice.offsets[n:] - o, table.offsets)
    assert np.array_equal(twice.boxes[o:], table.boxes)
    with pytest.raises(CorruptFileError, match="observation"):
        replace(table, offsets=np.zeros_like(table.offsets))


def test_no_more_scenes_than_seeds_and_never_none(tmp_path) -> None:
    with pytest.raises(ValueError, match="fewer scenes"):
        TracksSettings(first_seed=999_999, matched=SplitScenes(train=5))
    with pytest.raises(ValueError, match="no scenes"):
        write_tracks(tmp_path / "x.h5", TracksSettings(matched=NONE, classic=NONE, planted=NONE))
