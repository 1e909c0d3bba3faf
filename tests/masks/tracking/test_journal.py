"""The journal: what was finished is found again, and nothing else is believed."""

import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.masks.tracking.following import drawn
from videotracks.errors import CorruptFileError
from videotracks.masks.tracking.journal import Journal, StepCounts, StepReader, StepRecord, decode_boxes, encode_boxes

SHAPE = (48, 64)
BOXES = [(2, 3, 10, 11), (60, 40, 4, 8)]


def record(position=5, key="k", level=2, ids=(4, 9)) -> StepRecord:
    return StepRecord(key=key, level=level, position=position, ids=list(ids), counts=StepCounts(), seconds={"a": 1.5})


def finish(journal, **changed) -> None:
    with journal.write(2, 5) as writer:
        writer.add(5, [0, 1], [drawn(box) for box in BOXES])
        writer.add(6, [0], [drawn(BOXES[1])])
        writer.add(6, [], [])
        writer.add(6, [1], [drawn(BOXES[0])])
        writer.finish(record(**changed))


def read(journal):
    step = journal.step(2, 5)
    reader = StepReader(step, SHAPE)
    found = {p: {i: box.mask(SHAPE) for i, box in reader.boxes(p)} for p in (4, 5, 6)}
    reader.close()
    return step, found


def test_a_finished_step_is_found_with_its_masks_and_ids(tmp_path) -> None:
    journal = Journal(tmp_path / "work", SHAPE)
    finish(journal)
    assert journal.has(2, 5, "k")
    step, found = read(Journal(tmp_path / "work", SHAPE))
    assert step.record == record()
    assert [list(objects) for objects in found.values()] == [[], [4, 9], [4, 9]]
    assert (found[5][4] == drawn(BOXES[0])).all()
    assert (found[6][4] == drawn(BOXES[1])).all()


def test_a_step_that_was_not_finished_is_not_there(tmp_path) -> None:
    journal = Journal(tmp_path, SHAPE)

    def killed() -> None:
        with journal.write(2, 5) as writer:
            writer.add(5, [0], [drawn(BOXES[0])])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert not journal.has(2, 5, "k")
    (tmp_path / "level_2_00000005.part").write_bytes(b"killed before it could clean up")
    Journal(tmp_path, SHAPE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changed", [{"key": "other"}, {"level": 4}, {"position": 6}])
def test_a_step_of_other_input_is_removed(tmp_path, changed) -> None:
    journal = Journal(tmp_path, SHAPE)
    finish(journal, **changed)
    assert not journal.has(2, 5, "k")
    assert list(tmp_path.iterdir()) == []


def test_a_step_damaged_anywhere_is_removed_or_reads_the_same(tmp_path) -> None:
    journal = Journal(tmp_path, SHAPE)
    finish(journal)
    (path,) = tmp_path.iterdir()
    whole, expected = path.read_bytes(), read(journal)[1]
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 0x55
        path.write_bytes(data)
        if journal.has(2, 5, "k"):  # a byte that nobody reads, such as a date
            found = read(journal)[1]
            assert all((found[p][i] == mask).all() for p in expected for i, mask in expected[p].items())
        else:
            assert not path.exists()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        assert not journal.has(2, 5, "k")


def test_a_step_that_would_inflate_beyond_its_masks_is_removed_unread(tmp_path) -> None:
    journal = Journal(tmp_path, SHAPE)
    finish(journal)
    (path,) = tmp_path.iterdir()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("00000007-0000", bytes(1 << 20))
    with pytest.raises(CorruptFileError, match="would inflate"):
        journal.step(2, 5)
    assert not journal.has(2, 5, "k")


@settings(max_examples=40, deadline=None)
@given(arrays(bool, st.tuples(st.integers(0, 3), st.integers(1, 20), st.integers(1, 20))))
def test_masks_come_back_from_their_boxes(masks) -> None:
    present = [place for place, mask in enumerate(masks) if mask.any()]
    shape = masks.shape[1:]
    data = encode_boxes(present, [masks[place] for place in present])
    found = dict(decode_boxes(data, len(masks), shape, "a file"))
    assert list(found) == present
    assert all((found[place].mask(shape) == masks[place]).all() for place in present)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((2, 0, 0, 4, 4), "does not lie"), ((0, 0, 61, 4, 4), "does not lie"), ((0, -1, 0, 4, 4), "does not lie"),
        ((0, 0, 0, 0, 4), "does not lie"), ((0, 0, 0, 40, 60), "does not lie"),
    ],
)  # fmt: skip
def test_refuses_boxes_that_do_not_lie_in_frame_and_data(row, message) -> None:
    data = np.array([1, *row], "<i4").tobytes() + bytes(2)
    with pytest.raises(CorruptFileError, match=message):
        list(decode_boxes(data, 2, SHAPE, "a file"))


@pytest.mark.parametrize("data", [b"", np.int32(-1).tobytes(), np.int32(3).tobytes(), np.int32(2).tobytes()])
def test_refuses_counts_that_cannot_be(data) -> None:
    with pytest.raises(CorruptFileError, match="masks of 2 objects"):
        list(decode_boxes(data, 2, SHAPE, "a file"))
