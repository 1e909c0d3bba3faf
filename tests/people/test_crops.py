"""Crop files: what is written is read back, only what is asked for is read, and nothing in a file is trusted."""

import io
import random
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.people.test_crop_codecs import photo
from videotracks.errors import CorruptFileError
from videotracks.people.crops import (
    CropRows,
    CropSettings,
    CropStore,
    CropWriter,
    PersonCrops,
    pixel_box,
    write_crops_by_person,
    write_selected_crops,
)
from videotracks.tables import Detections, Persons

EXACT = CropSettings(codec="exact")
JPEG = CropSettings(codec="jpeg")


def crops_of(count: int) -> list[np.ndarray]:
    """Crops of differing sizes; each third is empty, as of a box outside the frame."""
    rng = np.random.default_rng(count)
    sizes = rng.integers(1, 30, (count, 2))
    return [
        np.zeros((0, 0, 3), np.uint8) if i % 3 == 2 else rng.integers(0, 255, (*size, 3), dtype=np.uint8)
        for i, size in enumerate(sizes)
    ]


def rows_of(frames: np.ndarray, positions: np.ndarray, camera: np.ndarray | None = None) -> CropRows:
    count = len(frames)
    boxes = np.arange(4 * count, dtype="f4").reshape(-1, 4)
    camera = np.zeros(count, "i2") if camera is None else camera.astype("i2")
    return CropRows(frames.astype("i8"), boxes, np.linspace(0.3, 1, count, dtype="f4"), camera, positions.astype("i8"))


def write(path: Path, crops: list[np.ndarray], rows: CropRows, settings: CropSettings = EXACT) -> Path:
    with CropWriter(path, settings, created=datetime(2024, 5, 1, tzinfo=UTC)) as writer:
        for i, crop in enumerate(crops):
            row = CropRows(**{name: array[i : i + 1] for name, array in rows.arrays().items()})
            writer.append(row, [writer.encode(crop)], [crop.shape[:2]])
        writer.total_frames = 100
    return path


@pytest.fixture
def stored(tmp_path) -> Path:
    """Two persons in each of ten frames, the second one's crops in the odd rows."""
    frames, positions = np.repeat(np.arange(10), 2), np.tile([0, 1], 10)
    return write(tmp_path / "detection_crops.h5", crops_of(20), rows_of(frames, positions))


def detections() -> Detections:
    rows = rows_of(np.repeat(np.arange(10), 2), np.tile([0, 1], 10))
    return Detections(
        rows.frame_numbers, rows.bboxes, rows.confidences, np.zeros(20, "i8"), np.full(10, 2), rows.camera,
        np.array(["cam_00"]),
    )  # fmt: skip


def persons_of(assignment: list[int]) -> Persons:
    """Persons of the twenty detections: detection i belongs to person ``assignment[i]``, 0 to none."""
    found, whose = detections(), np.array(assignment)
    order = np.lexsort((np.arange(20), whose))
    order = order[whose[order] > 0]
    # One box per person and frame: the first stays.
    key = whose[order] * 100 + found.frame_numbers[order]
    order = order[np.unique(key, return_index=True)[1]]
    ids = np.unique(whose[order])
    return Persons(
        whose[order], found.camera[order], found.frame_numbers[order], found.bboxes[order], found.confidences[order],
        (order % 2).astype("i8"), whose[order], ids, np.ones(len(ids), "i8"), ids, np.arange(len(ids) + 1),
    )  # fmt: skip


class CountingFile(io.FileIO):
    """A file that counts the bytes read from it."""

    count = 0

    def readinto(self, buffer):
        done = super().readinto(buffer)
        self.count += done or 0
        return done


class TestPixelBox:
    def test_rounds_outward(self):
        assert pixel_box(np.array([1.2, 2.9, 5.1, 6.0], "f4"), 100, 100) == (1, 2, 6, 6)

    def test_is_cut_to_the_frame(self):
        assert pixel_box(np.array([-7, -3, 200, 300], "f4"), 100, 80) == (0, 0, 100, 80)

    @pytest.mark.parametrize("box", [(100, 0, 120, 50), (-9, 0, 0, 50), (5, 5, 5, 9), (9, 5, 5, 9)])
    def test_has_no_area_outside_the_frame(self, box):
        assert pixel_box(np.array(box, "f4"), 100, 100) == (0, 0, 0, 0)

    @given(st.tuples(*[st.floats(-50, 150, width=32)] * 4))
    def test_holds_the_box_within_the_frame(self, box):
        left, top, right, bottom = pixel_box(np.array(box, "f4"), 100, 90)
        assert 0 <= left <= right <= 100
        assert 0 <= top <= bottom <= 90
        if left < right:
            assert left <= max(box[0], 0)
            assert right >= min(box[2], 100)


class TestWritingAndReading:
    def test_every_crop_comes_back_in_its_row(self, stored):
        with CropStore.open(stored) as store:
            assert len(store) == 20
            for got, expected in zip(store.crops(slice(None)), crops_of(20), strict=True):
                assert np.array_equal(got, expected)
            assert np.array_equal(store.crop(3), crops_of(20)[3])
            assert store.crop(2).shape == (0, 0, 3)

    def test_rows_may_be_asked_for_in_any_order_and_twice(self, stored):
        with CropStore.open(stored) as store:
            got = store.crops([7, 0, 7, 19])
            assert all(np.array_equal(g, crops_of(20)[i]) for g, i in zip(got, [7, 0, 7, 19], strict=True))
            assert store.crops([]) == []
            with pytest.raises(IndexError):
                store.crop(20)

    def test_the_columns_and_attributes_are_those_given(self, stored):
        with CropStore.open(stored) as store:
            expected = rows_of(np.repeat(np.arange(10), 2), np.tile([0, 1], 10))
            for name, array in expected.arrays().items():
                assert np.array_equal(getattr(store, name), array), name
            assert store.attributes == {
                "format_version": 1, "codec": "exact", "num_persons": 0, "total_frames": 100, "total_crops": 20,
                "created_timestamp": "2024-05-01T00:00:00+00:00",
            }  # fmt: skip

    def test_frames_are_found_by_view(self, tmp_path):
        rows = rows_of(np.array([0, 5, 9, 5]), np.zeros(4), np.array([0, 0, 0, 1]))
        with CropStore.open(write(tmp_path / "c.h5", crops_of(4), rows)) as store:
            assert store.crop_rows(5, 9).tolist() == [1, 3]
            assert store.crop_rows(5, 10, camera=0).tolist() == [1, 2]

    def test_a_recording_without_persons_is_an_empty_store(self, tmp_path):
        with CropStore.open(write(tmp_path / "c.h5", [], rows_of(np.zeros(0), np.zeros(0)))) as store:
            assert len(store) == 0
            assert store.crops(slice(None)) == []

    def test_jpeg_crops_are_close(self, tmp_path):
        with CropStore.open(write(tmp_path / "c.h5", [photo()], rows_of(np.zeros(1), np.zeros(1)), JPEG)) as store:
            assert np.abs(store.crop(0).astype(int) - photo()).mean() < 2

    def test_the_same_crops_give_the_same_bytes(self, tmp_path):
        rows = rows_of(np.arange(5), np.zeros(5))
        one, two = (write(tmp_path / name, crops_of(5), rows) for name in ("a.h5", "b.h5"))
        assert one.read_bytes() == two.read_bytes()

    def test_a_writer_that_fails_leaves_no_file(self, tmp_path):
        def fail_halfway() -> None:
            with CropWriter(tmp_path / "c.h5", EXACT) as writer:
                writer.append(rows_of(np.zeros(1), np.zeros(1)), [writer.encode(photo())], [(280, 120)])
                raise RuntimeError("stop")

        with pytest.raises(RuntimeError, match="stop"):
            fail_halfway()
        assert not (tmp_path / "c.h5").exists()

    def test_a_store_opens_from_a_binary_file(self, stored):
        with CropStore.open(io.BytesIO(stored.read_bytes()), "memory") as store:
            assert store.path is None
            assert np.array_equal(store.crop(1), crops_of(20)[1])

    def test_a_closed_store_says_so(self, stored):
        with CropStore.open(stored) as store:
            pass
        with pytest.raises(ValueError, match="closed"):
            store.crop(1)

    def test_a_missing_file_is_not_a_damaged_one(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="materialise"):
            CropStore.open(tmp_path / "none.h5")


class TestByPerson:
    @given(st.lists(st.integers(0, 1200), min_size=20, max_size=20))
    @settings(max_examples=25, deadline=None)
    def test_each_person_has_its_own_crops_in_order_of_time(self, tmp_path_factory, assignment):
        folder = tmp_path_factory.mktemp("persons")
        rows = rows_of(np.repeat(np.arange(10), 2), np.tile([0, 1], 10))
        persons = persons_of(assignment)
        with (
            CropStore.open(write(folder / "all.h5", crops_of(20), rows)) as store,
            write_crops_by_person(folder / "by.h5", persons, detections(), store) as grouped,
        ):
            assert list(grouped.persons) == persons.person_ids.tolist()
            assert len(grouped) == len(persons.person_id)
            assert grouped.total_frames == 100
            for person in grouped.persons:
                own, group = persons.rows_of(person), grouped.person(person)
                source = persons.frame_numbers[own] * 2 + persons.detection_indices[own]
                assert np.array_equal(group.frame_numbers, persons.frame_numbers[own])
                assert np.array_equal(group.bboxes, persons.bboxes[own])
                for got, row in zip(group.crops(slice(None)), source, strict=True):
                    assert np.array_equal(got, crops_of(20)[row])

    def test_groups_are_named_with_three_digits_or_more(self, stored, tmp_path):
        with CropStore.open(stored) as store:
            write_crops_by_person(tmp_path / "by.h5", persons_of([3, 1200] * 10), detections(), store).close()
        with h5py.File(tmp_path / "by.h5") as file:
            assert sorted(file) == ["person_003", "person_1200"]
            columns = {"frame_numbers", "bboxes", "confidences", "camera", "detection_indices"}
            assert set(file["person_003"]) == columns | {"offsets", "sizes", "checksums", "blob"}

    def test_blocks_do_not_change_the_result(self, stored, tmp_path, monkeypatch):
        monkeypatch.setattr("videotracks.people.crops._BLOCK_BYTES", 700)
        with (
            CropStore.open(stored) as store,
            write_crops_by_person(tmp_path / "by.h5", persons_of([5, 2] * 10), detections(), store) as grouped,
        ):
            for got, row in zip(grouped.person(2).crops(slice(None)), range(1, 20, 2), strict=True):
                assert np.array_equal(got, crops_of(20)[row])

    def test_nobody_is_a_file_without_persons(self, stored, tmp_path):
        with (
            CropStore.open(stored) as store,
            write_crops_by_person(tmp_path / "by.h5", persons_of([0] * 20), detections(), store) as grouped,
        ):
            assert grouped.persons == ()
            assert len(grouped) == 0

    def test_inputs_of_another_run_are_refused(self, stored, tmp_path):
        other = write(tmp_path / "other.h5", crops_of(4), rows_of(np.arange(4), np.zeros(4)))
        with CropStore.open(other) as store, pytest.raises(CorruptFileError, match="not of one run"):
            write_crops_by_person(tmp_path / "by.h5", persons_of([1, 2] * 10), detections(), store)
        assert not (tmp_path / "by.h5").exists()

    def test_a_person_that_is_not_there_is_a_key_error(self, stored, tmp_path):
        with (
            CropStore.open(stored) as store,
            write_crops_by_person(tmp_path / "by.h5", persons_of([1, 2] * 10), detections(), store) as grouped,
            pytest.raises(KeyError, match="no person 7"),
        ):
            grouped.person(7)

    def test_chosen_crops_are_copied_with_their_further_columns(self, stored, tmp_path):
        with (
            CropStore.open(stored) as store,
            write_crops_by_person(tmp_path / "by.h5", persons_of([1, 2] * 10), detections(), store) as grouped,
        ):
            chosen = [
                PersonCrops(2, grouped.person(2), np.array([4, 1]), {"quality_rank": np.array([1, 2])}),
            ]
            with write_selected_crops(tmp_path / "final.h5", chosen, grouped) as final:
                group = final.person(2)
                assert group.extra["quality_rank"].tolist() == [1, 2]
                assert group.frame_numbers.tolist() == [4, 1]
                assert np.array_equal(group.crop(0), crops_of(20)[9])
                assert final.total_frames == 100

    @pytest.mark.parametrize("extra", [{"Bad/name": np.zeros(1)}, {"blob": np.zeros(1)}, {"score": np.zeros(3)}])
    def test_columns_that_do_not_fit_are_refused(self, stored, tmp_path, extra):
        with CropStore.open(stored) as store, pytest.raises(ValueError, match=r"column|name"):
            write_selected_crops(tmp_path / "f.h5", [PersonCrops(1, store, np.array([0]), extra)], store)
        assert not (tmp_path / "f.h5").exists()


class TestBytesRead:
    """A crop takes about 10 kB here; what a read needs beyond the crops is the index and HDF5's own headers."""

    @pytest.fixture
    def grouped(self, tmp_path) -> Path:
        noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
        rows = rows_of(np.repeat(np.arange(200), 2), np.tile([0, 1], 200))
        counts = np.full(200, 2)
        found = Detections(
            rows.frame_numbers, rows.bboxes, rows.confidences, np.zeros(400, "i8"), counts, rows.camera,
            np.array(["cam_00"]),
        )  # fmt: skip
        order = np.lexsort((rows.frame_numbers, rows.detection_indices))
        whose = rows.detection_indices[order] + 1
        persons = Persons(
            whose, rows.camera[order], rows.frame_numbers[order], rows.bboxes[order], rows.confidences[order],
            rows.detection_indices[order], whose, np.array([1, 2]), np.array([1, 1]), np.array([1, 2]), np.arange(3),
        )  # fmt: skip
        with CropStore.open(write(tmp_path / "all.h5", [noise] * 400, rows)) as store:
            write_crops_by_person(tmp_path / "by.h5", persons, found, store).close()
        return tmp_path / "by.h5"

    def test_one_person_costs_that_persons_bytes(self, grouped):
        file = CountingFile(grouped)
        with CropStore.open(file) as store:
            group = store.person(2)
            group.crops(slice(None))
            assert file.count < int(group.offsets[-1]) + 50_000 < 0.55 * grouped.stat().st_size

    def test_frames_10_to_60_cost_those_crops(self, grouped):
        file = CountingFile(grouped)
        with CropStore.open(file) as store:
            group = store.person(1)
            rows = group.crop_rows(10, 60)
            before = file.count
            assert before < 60_000
            group.encoded(rows)
            needed = int(group.offsets[60] - group.offsets[10])
            assert needed <= file.count - before < needed + 20_000

    def test_a_crop_of_a_streamed_file_costs_that_crop(self, grouped):
        file = CountingFile(grouped.with_name("all.h5"))
        with CropStore.open(file) as store:
            store.crop(0)
            before = file.count
            store.crop(300)
            assert file.count - before < 25_000


def tampered(path: Path, name: str, **changes) -> Path:
    """Replace a dataset of the file."""
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, **changes)
    return path


def read_all(path: Path) -> list[np.ndarray]:
    with CropStore.open(path) as store:
        store.rows()
        dict(store.extra)
        return store.crops(slice(None))


class TestTamperedFiles:
    @pytest.mark.parametrize("name", ["frame_numbers", "bboxes", "camera", "offsets", "sizes", "checksums", "blob"])
    def test_a_missing_dataset_is_named(self, stored, name):
        with h5py.File(stored, "r+") as file:
            del file[name]
        with pytest.raises(CorruptFileError, match=str(stored)):
            read_all(stored)

    @pytest.mark.parametrize("change", ["negative", "falling", "beyond", "short", "late"])
    def test_offsets_that_do_not_split_the_blob_are_refused(self, stored, change):
        with h5py.File(stored) as file:
            offsets = file["offsets"][()]
        offsets = {
            "negative": np.where(np.arange(21) == 1, -5, offsets),
            "falling": np.where(np.arange(21) == 5, offsets[3], offsets),
            "beyond": np.where(np.arange(21) == 20, offsets[-1] + 10**12, offsets),
            "short": offsets[:-1],
            "late": np.where(np.arange(21) == 0, 1, offsets),
        }[change]
        with pytest.raises(CorruptFileError, match=r"offsets"):
            read_all(tampered(stored, "offsets", data=offsets))

    def test_offsets_moved_by_a_byte_are_found_by_the_checksum(self, stored):
        with h5py.File(stored) as file:
            offsets = file["offsets"][()]
        offsets[1] += 1
        with pytest.raises(CorruptFileError, match="crop 0: damaged"):
            read_all(tampered(stored, "offsets", data=offsets))

    @pytest.mark.parametrize("size", [(-1, 3), (0, 0), (40_000, 40_000), (2**31 - 1, 2**31 - 1), (1, 1)])
    def test_sizes_that_are_not_the_crops_are_refused(self, stored, size):
        with h5py.File(stored, "r+") as file:
            file["sizes"][0] = size
        with pytest.raises(CorruptFileError):
            read_all(stored)

    def test_a_flipped_bit_in_a_crop_is_found(self, stored):
        with h5py.File(stored, "r+") as file:
            file["blob"][100] ^= 1
        with pytest.raises(CorruptFileError, match="damaged"):
            read_all(stored)

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("frame_numbers", np.zeros(20, "f8")), ("bboxes", np.zeros((20, 4), "f8")),
            ("bboxes", np.zeros((20, 5), "f4")), ("bboxes", np.full((20, 4), np.nan, "f4")),
            ("camera", np.zeros(19, "i2")), ("blob", np.zeros((5, 5), "u1")),
            ("frame_numbers", np.array(["x"] * 20, "S1")), ("frame_numbers", np.zeros(20, ">i8")),
        ],
    )  # fmt: skip
    def test_other_dtypes_and_shapes_are_refused(self, stored, name, data):
        with pytest.raises(CorruptFileError, match=name):
            read_all(tampered(stored, name, data=data))

    def test_a_dataset_that_is_declared_but_not_stored_is_refused(self, stored):
        with pytest.raises(CorruptFileError, match="not all of it is stored"):
            read_all(tampered(stored, "frame_numbers", shape=(10**12,), dtype="i8"))

    def test_a_filtered_dataset_is_refused(self, stored):
        with pytest.raises(CorruptFileError, match="filtered"):
            read_all(tampered(stored, "blob", data=np.zeros(10**6, "u1"), compression="gzip"))

    def test_links_to_elsewhere_are_refused_unopened(self, stored, tmp_path):
        with h5py.File(tmp_path / "secret.h5", "w") as secret:
            secret["blob"] = np.zeros(10, "u1")
        for link in (h5py.ExternalLink(str(tmp_path / "secret.h5"), "/blob"), h5py.SoftLink("/sizes")):
            with h5py.File(stored, "r+") as file:
                del file["blob"]
                file["blob"] = link
            with pytest.raises(CorruptFileError, match="link"):
                read_all(stored)

    def test_a_virtual_dataset_is_refused(self, stored, tmp_path):
        with h5py.File(tmp_path / "secret.h5", "w") as secret:
            secret["blob"] = np.zeros(10, "u1")
        layout = h5py.VirtualLayout((10,), "u1")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "blob", (10,))
        with h5py.File(stored, "r+") as file:
            del file["blob"]
            file.create_virtual_dataset("blob", layout)
        with pytest.raises(CorruptFileError, match="virtual"):
            read_all(stored)

    def test_external_storage_is_refused(self, stored, tmp_path):
        (tmp_path / "secret").write_bytes(bytes(100))
        with pytest.raises(CorruptFileError, match="external"):
            read_all(tampered(stored, "blob", shape=(100,), dtype="u1", external=[(str(tmp_path / "secret"), 0, 100)]))

    def test_objects_are_refused(self, stored):
        text = np.array(["a"] * 20, object)
        with pytest.raises(CorruptFileError, match="camera"):
            read_all(tampered(stored, "camera", data=text, dtype=h5py.string_dtype()))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("codec", "webp"), ("codec", 5), ("format_version", 2), ("total_crops", 19), ("num_persons", 3),
            ("total_frames", -1), ("created_timestamp", 5),
        ],
    )  # fmt: skip
    def test_wrong_attributes_are_refused(self, stored, name, value):
        with h5py.File(stored, "r+") as file:
            file.attrs[name] = value
        with pytest.raises(CorruptFileError, match=str(stored)):
            read_all(stored)

    def test_unexpected_members_are_refused(self, stored):
        with h5py.File(stored, "r+") as file:
            file.create_group("Persons")
        with pytest.raises(CorruptFileError, match="unexpected"):
            CropStore.open(stored)

    def test_foreign_and_truncated_files_are_refused(self, stored, tmp_path):
        (tmp_path / "text.h5").write_text("no crops")
        (tmp_path / "cut.h5").write_bytes(stored.read_bytes()[: stored.stat().st_size // 2])
        for name in ("text.h5", "cut.h5"):
            with pytest.raises(CorruptFileError, match=name):
                read_all(tmp_path / name)

    def test_random_damage_is_an_error_or_no_change(self, stored, tmp_path):
        original, expected = stored.read_bytes(), crops_of(20)
        chance = random.Random(5)
        for _ in range(150):
            data = bytearray(original)
            for _ in range(chance.choice([1, 1, 4])):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            (tmp_path / "damaged.h5").write_bytes(data)
            try:
                got = read_all(tmp_path / "damaged.h5")
            except CorruptFileError:
                continue
            assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))


class TestCropsToBeShownSmall:
    @pytest.mark.parametrize(("fit", "size"), [((128, 192), (280, 120)), ((60, 140), (140, 60)), ((20, 50), (70, 30))])
    def test_jpeg_comes_smaller_but_never_below_the_box_it_is_fitted_into(self, tmp_path, fit, size):
        path = write(tmp_path / "x.h5", [photo(280, 120)], rows_of(np.arange(1), np.zeros(1, "i8")), JPEG)
        with CropStore.open(path) as store:
            assert store.crops([0], fit=fit)[0].shape[:2] == size

    def test_crops_without_pixels_stay_so(self, stored):
        with CropStore.open(stored) as store:
            assert [crop.shape for crop in store.crops([2, 5], fit=(8, 8))] == [(0, 0, 3), (0, 0, 3)]


def test_crops_far_apart_are_read_one_by_one_and_near_ones_together(tmp_path, monkeypatch):
    crops = crops_of(40)
    path = write(tmp_path / "x.h5", crops, rows_of(np.arange(40), np.zeros(40, "i8")))
    for gap in (0, 500, 1 << 30):
        monkeypatch.setattr("videotracks.people.crop_group._GAP_BYTES", gap)
        with CropStore.open(path) as store:
            for row, crop in zip([3, 4, 30, 7], store.crops([3, 4, 30, 7]), strict=True):
                assert np.array_equal(crop, crops[row])
