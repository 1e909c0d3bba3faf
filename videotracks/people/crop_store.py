"""Crop files, opened for reading: the crops of all detections, or those of each person."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.hdf5_handle import Hdf5Handle
from videotracks.people.crop_group import CropGroup
from videotracks.people.crop_layout import (
    PERSON_GROUP,
    REMEDY,
    hard_member,
    persons_in,
    read_attributes,
    trouble,
)

if TYPE_CHECKING:
    import h5py

__all__ = ["CropGroup", "CropStore"]


class CropStore(Hdf5Handle, CropGroup):
    """A crop file, opened for reading: the crops of all detections, or those of each person.

    A context manager; closing ends all groups taken from it. In a file by person, ``persons`` are its
    persons and ``person(id)`` their crops, and the columns of the store itself do not exist.
    """

    broken = staticmethod(trouble)

    def __init__(self, file: "h5py.File", name: str, path: Path | None) -> None:
        self._file, self.path = file, path
        with trouble(name):
            self.attributes = read_attributes(file)
            CropGroup.__init__(self, file, name, str(self.attributes["codec"]))
            self.persons = persons_in(file)
            self._by_person = "frame_numbers" not in file
            if len(self.persons) != self.attributes["num_persons"]:
                raise CorruptFileError(f"{len(self.persons)} persons, {self.attributes['num_persons']} declared")
            if not self._by_person and len(self.frame_numbers) != self.attributes["total_crops"]:
                raise CorruptFileError(f"{len(self.frame_numbers)} crops, {self.attributes['total_crops']} declared")
        self._groups: dict[int, CropGroup] = {}

    def __len__(self) -> int:
        if not self._by_person:
            return super().__len__()
        count, declared = sum(len(self.person(p)) for p in self.persons), self.attributes["total_crops"]
        if count != declared:
            raise CorruptFileError(f"{self._name}: {count} crops, {declared} declared; {REMEDY}")
        return count

    @property
    def codec(self) -> str:
        """Name of the codec of all crops."""
        return str(self.attributes["codec"])

    @property
    def total_frames(self) -> int:
        """Frames of all views of the recording."""
        return int(self.attributes["total_frames"])

    def person(self, person_id: int) -> CropGroup:
        """The crops of one person in order of view and frame; ``KeyError`` if there is none."""
        if person_id not in self.persons:
            raise KeyError(f"{self._name}: no person {person_id}")
        if person_id not in self._groups:
            group = PERSON_GROUP.format(person_id)
            with self._trouble():
                self._groups[person_id] = CropGroup(
                    hard_member(self._file, group), f"{self._name}: {group}", self.codec
                )
        return self._groups[person_id]

    def content_version(self) -> str:
        """Sixteen hex digits that are equal for equal crops, whenever the file was written; reads no pixels."""
        digest = hashlib.sha256(f"{self.codec} {self.total_frames} {self.persons} {self._by_person}".encode())
        for group in [self.person(p) for p in self.persons] if self._by_person else [self]:
            for name, array in sorted(group.arrays().items()):
                digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]
