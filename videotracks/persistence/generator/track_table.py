"""The tracks of many scenes as a table, without their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videotracks.persistence.generator.looks import KINDS
from videotracks.persistence.generator.plan import SETS, SPLITS, PlannedScene
from videotracks.persistence.generator.scene import GeneratedTrack
from videotracks.tables import BOX, Table, column, is_ragged


@dataclass(frozen=True, slots=True, eq=False)
class TrackTable(Table):
    """N tracks with O observations in all; the observations of track i are rows offsets[i] to offsets[i + 1]."""

    set: np.ndarray = column("i8", "N", doc=f"index into {SETS}")
    split: np.ndarray = column("i8", "N", doc=f"index into {SPLITS}")
    scene: np.ndarray = column("i8", "N", doc="seed of the scene")
    camera: np.ndarray = column("i8", "N", doc="0 or 1")
    track_id: np.ndarray = column("i8", "N", doc="as the tracker of this camera named it")
    object_id: np.ndarray = column("i8", "N", doc="the thing, the same in both cameras; −1: none")
    label: np.ndarray = column("i8", "N", doc="1 for a thing, 0 for what is none")
    kind: np.ndarray = column("i8", "N", doc=f"index into {KINDS}")
    k: np.ndarray = column("i8", "N", doc="observations after which the track was cut")
    offsets: np.ndarray = column("i8", "N+1", doc="where the observations of each track begin and end")
    frame_numbers: np.ndarray = column("i8", "O", doc="frame, from 0")
    boxes: np.ndarray = column("f4", "O", 4, doc=BOX)
    confidences: np.ndarray = column("f4", "O", doc="detector confidence, 0 to 1")
    corrupted: np.ndarray = column("b1", "O", doc="observations planted to decide about the track")
    crop_offsets: np.ndarray = column("i8", "O+1", doc="where each encoded crop begins and ends in the blob")
    checksums: np.ndarray = column("u4", "N", doc="CRC-32 of the encoded crops of each track")

    def check(self) -> None:
        """Ragged columns complete, no track without observations, names within their lists."""
        self.expect(is_ragged(self.frame_numbers, self.offsets), "offsets must split the observations completely")
        self.expect(bool((np.diff(self.offsets) > 0).all()), "every track must have an observation")
        self.expect(
            bool(self.crop_offsets[0] == 0 and (np.diff(self.crop_offsets) > 0).all()), "crop_offsets must rise"
        )
        for name, names in (("set", SETS), ("split", SPLITS), ("kind", KINDS), ("label", (0, 1)), ("camera", (0, 1))):
            values = getattr(self, name)
            self.expect(bool(((values >= 0) & (values < len(names))).all()), f"{name} must be one of {names}")


def table_of(
    tracks: Sequence[tuple[PlannedScene, GeneratedTrack]], crop_bytes: np.ndarray, checksums: np.ndarray
) -> TrackTable:
    """The table of tracks; ``crop_bytes`` i8[O] is the size of each encoded crop, ``checksums`` u4[N] as the column."""

    def facts(of: list[int]) -> np.ndarray:
        return np.array(of, "i8")

    def observations(name: str, dtype: str) -> np.ndarray:
        return np.concatenate([getattr(made.track, name) for _, made in tracks]).astype(dtype)

    return TrackTable(
        set=facts([SETS.index(scene.set) for scene, _ in tracks]),
        split=facts([SPLITS.index(scene.split) for scene, _ in tracks]),
        scene=facts([scene.seed for scene, _ in tracks]),
        camera=facts([made.track.camera for _, made in tracks]),
        track_id=facts([made.track.track_id for _, made in tracks]),
        object_id=facts([made.object_id for _, made in tracks]),
        label=facts([made.label for _, made in tracks]),
        kind=facts([KINDS.index(made.kind) for _, made in tracks]),
        k=facts([len(made.track) for _, made in tracks]),
        offsets=np.cumsum([0, *(len(made.track) for _, made in tracks)]).astype("i8"),
        frame_numbers=observations("frame_numbers", "i8"),
        boxes=observations("boxes", "f4"),
        confidences=observations("confidences", "f4"),
        corrupted=np.concatenate([made.corrupted for _, made in tracks]),
        crop_offsets=np.concatenate([[0], np.cumsum(crop_bytes)]).astype("i8"),
        checksums=checksums,
    )


def joined(tables: Sequence[TrackTable]) -> TrackTable:
    """Tables one after the other, and their blobs likewise."""
    parts = [table.arrays() for table in tables]
    arrays = {}
    for name, declared in TrackTable.columns().items():
        if str(declared.shapes[0][0]).endswith("+1"):
            ends = np.cumsum([0, *(int(part[name][-1]) for part in parts)])
            moved = [part[name][1:] + end for part, end in zip(parts, ends[:-1], strict=True)]
            arrays[name] = np.concatenate([[0], *moved]).astype("i8")
        else:
            arrays[name] = np.concatenate([part[name] for part in parts])
    return TrackTable(**arrays)
