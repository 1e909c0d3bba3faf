"""Archives of tracked masks, frame by frame: written as a stream, and one frame reads without the rest.

The format is that of the original system: a ZIP of ``frames/frame_%06d.json`` and a ``manifest.json`` that lists them.
What refers to these frames object by object is ``object_archive``.
"""

import binascii
import json
import math
import re
from array import array
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.masks.packed import MAX_PIXELS, PackedMask, from_json
from videotracks.masks.zip_members import DEFLATE_LEVEL, Members, member, new_archive

MANIFEST = "manifest.json"
#: Frame numbers and object ids stay below this.
MAX_NUMBER = 1 << 31
#: What the manifest may take for each frame: its names and some two thousand object ids.
MANIFEST_BYTES_PER_FRAME = 1 << 14
#: What a frame may take beside its bits: names, and for each object its sizes.
FRAME_BYTES, OBJECT_BYTES = 1 << 12, 1 << 10
#: What a frame may take in all: four hundred masks of 4K at full size.
MAX_FRAME_BYTES = 1 << 29

_ENTRY = re.compile(r"frames/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}\.json")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_SHAPE = re.compile(rb'"shape"\s*:\s*\[\s*(\d{1,9})\s*,\s*(\d{1,9})\s*\]')
_PEEK_BYTES = 1 << 12


def video_segments_name(scale: float) -> str:
    """The file name of an archive whose masks are stored at ``scale`` of their size."""
    return "video_segments.npz" if scale == 1 else f"video_segments_scale{scale:g}x.npz"


class SegmentsWriter:
    """Writes the masks of a level frame after frame; equal masks give equal files.

    The file is there, complete, when the ``with`` block ends well, and not otherwise. Memory holds one frame, and of
    those written a line each.
    """

    def __init__(self, path: Path, *, level: int, scale: float) -> None:
        self.path, self._meta = path, {"level": level, "mask_scale_ratio": scale}
        self._lines: list[str] = []
        self._last, self._sizes = -1, b""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._zip = stack.enter_context(new_archive(self.path))
            self._stack = stack.pop_all()
        return self

    def append(self, frame_index: int, frame_name: str, objects: Mapping[int, PackedMask]) -> None:
        """Add the masks of a frame by object id; frames come in ascending order, masks all have one size.

        ``ValueError`` for anything else.
        """
        if not self._last < frame_index < MAX_NUMBER:
            raise ValueError(f"{self.path}: frame {frame_index} after frame {self._last}")
        ids, name = sorted(objects), json.dumps(frame_name)
        if ids and not 0 <= ids[0] <= ids[-1] < MAX_NUMBER:
            raise ValueError(f"{self.path}: object ids are 0 and more, not {ids[0]} to {ids[-1]}")
        parts = [f'{{"frame_index":{frame_index},"frame_name":{name},"objects":{{'.encode()]
        for comma, object_id in zip((b"", *[b","] * len(ids)), ids, strict=False):
            packed = objects[object_id]
            bits = binascii.b2a_base64(packed.bits, newline=False)
            parts += [comma, b'"%d":{' % object_id, self._sizes_of(packed), b'"packed_bits_b64":"', bits, b'"}']
        entry = f"frames/frame_{frame_index:06d}.json"
        self._zip.writestr(member(entry), b"".join([*parts, b"}}"]), compresslevel=DEFLATE_LEVEL)
        here = ",".join(map(str, ids))
        self._lines.append(f'{{"frame_index":{frame_index},"frame_name":{name},"entry":"{entry}","objects":[{here}]}}')
        self._last = frame_index

    def _sizes_of(self, packed: PackedMask) -> bytes:
        (h, w), (height, width) = packed.shape, packed.full_resolution_shape
        sizes = b'"shape":[%d,%d],"full_resolution_shape":[%d,%d],' % (h, w, height, width)
        if sizes != (self._sizes or sizes):
            raise ValueError(f"{self.path}: a mask of {sizes.decode()} where those before had {self._sizes.decode()}")
        self._sizes = sizes
        return sizes

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            with self._stack, self._zip.open(member(MANIFEST), "w", force_zip64=True) as manifest:
                manifest.write(f'{{"meta":{json.dumps(self._meta)},"frames":['.encode())
                for place, line in enumerate(self._lines):
                    manifest.write((",\n" if place else "\n").encode() + line.encode())
                manifest.write(b"\n]}\n")
        else:
            self._stack.__exit__(*error)


class FrameEntry(NamedTuple):
    """What the manifest says of a frame."""

    frame_index: int
    frame_name: str
    entry: str
    objects: "array[int]"  # ids, ascending


class SegmentsReader:
    """The masks of a level, opened for reading; the manifest is read at once, a frame when it is asked for.

    ``frames`` are the frame numbers, ascending, ``names`` the names of these frames; ``frame in reader`` is quick.
    ``CorruptFileError`` for whatever is no such archive in full, with the name of the entry that is wrong,
    ``FileNotFoundError`` where there is no file. A context manager.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._members = path, Members(path)
        self._sizes: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._by_object: dict[int, list[int]] | None = None
        try:
            self.level, self.scale, self._entries = self._manifest()
        except CorruptFileError:
            self.close()
            raise
        self.frames = list(self._entries)
        self.names = [entry.frame_name for entry in self._entries.values()]

    def _manifest(self) -> tuple[int, float, dict[int, FrameEntry]]:
        frames = {name for name in self._members if name != MANIFEST}
        for name in frames:
            if not _ENTRY.fullmatch(name):
                raise self._members.error(name, "lies outside frames/")
        limit = MANIFEST_BYTES_PER_FRAME * (len(frames) + 4)
        manifest = self._members.json(MANIFEST, limit, _frame_or_other)
        level, scale = read_meta(self._members, manifest)
        listed = manifest.get("frames")
        if not isinstance(listed, list) or not all(isinstance(entry, FrameEntry) for entry in listed):
            raise self._members.error(MANIFEST, "has no list of frames, each with frame_index and entry")
        entries = {entry.frame_index: entry for entry in sorted(listed)}
        named = {entry.entry for entry in listed}
        for name in sorted(named ^ frames):
            raise self._members.error(name, "is listed in the manifest and missing" if name in named else "is unlisted")
        if not len(entries) == len(named) == len(listed):
            raise self._members.error(MANIFEST, "lists a frame or an entry twice")
        return level, scale, entries

    def __contains__(self, frame: object) -> bool:
        return frame in self._entries

    def entry(self, frame: int) -> FrameEntry:
        """What the manifest says of a frame; ``KeyError`` for one that is not in the archive."""
        return self._entries[frame]

    def objects_of(self, frame: int) -> list[int]:
        """The objects of a frame, ascending; ``KeyError`` for one that is not in the archive."""
        return self._entries[frame].objects.tolist()

    def frames_of(self, object_id: int) -> list[int]:
        """The frames of an object, ascending; none for one that is not in the archive."""
        return self._objects().get(object_id, [])

    @property
    def objects(self) -> list[int]:
        """The ids of all objects, ascending."""
        return list(self._objects())

    def _objects(self) -> dict[int, list[int]]:
        if self._by_object is None:
            here = [np.frombuffer(entry.objects, "i8") for entry in self._entries.values() if entry.objects]
            ids = np.concatenate(here) if here else np.zeros(0, "i8")
            frames = np.repeat(self.frames, [len(entry.objects) for entry in self._entries.values()]).astype("i8")
            found, starts = np.unique(np.sort(ids), return_index=True)
            parts = np.split(frames[np.argsort(ids, kind="stable")], starts[1:])
            self._by_object = dict(zip(found.tolist(), [part.tolist() for part in parts], strict=False))
        return self._by_object

    def masks(self, frame: int) -> dict[int, PackedMask]:
        """The masks of a frame by object id, ascending; ``KeyError`` for a frame that is not in the archive.

        Only this frame is read. All masks of an archive have one size; a frame that states more bytes than such
        masks take is refused before it is inflated.
        """
        entry = self._entries[frame]
        value = self._members.json(entry.entry, self._limit(entry))
        objects = value.get("objects")
        if (value.get("frame_index"), value.get("frame_name")) != (frame, entry.frame_name):
            raise self._members.error(entry.entry, f"is not the frame {frame} {entry.frame_name!r} of the manifest")
        if not isinstance(objects, dict):
            raise self._members.error(entry.entry, "has no objects by id")
        try:
            masks = {number(key): packed for key, packed in objects.items()}
        except ValueError as error:
            raise self._members.error(entry.entry, f"has an object whose id is none: {error}") from None
        if sorted(masks) != entry.objects.tolist():
            raise self._members.error(entry.entry, "has other objects than the manifest lists")
        return {object_id: self._mask(masks[object_id], object_id, entry) for object_id in sorted(masks)}

    def _mask(self, value: Any, object_id: int, entry: FrameEntry) -> PackedMask:
        packed = from_json(value, f"{self.path}: entry {entry.entry!r}, object {object_id}")
        sizes = packed.shape, packed.full_resolution_shape
        self._sizes = self._sizes or sizes
        if sizes != self._sizes:
            raise self._members.error(
                entry.entry, f"has object {object_id} of sizes {sizes} where those before had {self._sizes}"
            )
        return packed

    def _limit(self, entry: FrameEntry) -> int:
        """How many bytes the frame may inflate to."""
        if not entry.objects:
            return FRAME_BYTES
        height, width = self._sizes[0] if self._sizes else self._peek(entry)
        per_object = -(-height * width // 6) + OBJECT_BYTES
        return min(FRAME_BYTES + len(entry.objects) * per_object, MAX_FRAME_BYTES)

    def _peek(self, entry: FrameEntry) -> tuple[int, int]:
        """The first shape that a frame states, looked for in no more than the largest mask would take."""
        begin = bytearray()
        for chunk in self._members.chunks(entry.entry, MAX_FRAME_BYTES, _PEEK_BYTES):
            begin += chunk
            found = _SHAPE.search(begin, max(0, len(begin) - 2 * _PEEK_BYTES))
            if found:
                height, width = int(found[1]), int(found[2])
                if 0 < height * width <= MAX_PIXELS:
                    return height, width
                raise self._members.error(entry.entry, f"states masks of {height} x {width} px")
            if len(begin) > MAX_PIXELS // 6 + FRAME_BYTES:
                break
        raise self._members.error(entry.entry, "states no shape of its masks")

    def close(self) -> None:
        """Close the file."""
        self._members.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def number(value: Any) -> int:
    """A frame number or object id, whole or as text; ``ValueError`` for what is none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 <= value < MAX_NUMBER:
        raise ValueError(f"{value!r:.40} is no number from 0 to {MAX_NUMBER - 1}")
    return value


def read_meta(members: Members, manifest: dict[str, Any]) -> tuple[int, float]:
    """Level and scale of a manifest."""
    meta = manifest.get("meta")
    if not isinstance(meta, dict):
        raise members.error(MANIFEST, "has no meta")
    level, scale = meta.get("level"), meta.get("mask_scale_ratio")
    if type(level) is not int or not 0 <= level < MAX_NUMBER:
        raise members.error(MANIFEST, f"states no level, but {level!r:.40}")
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not (math.isfinite(scale) and 0 < scale <= 1):
        raise members.error(MANIFEST, f"states no mask_scale_ratio above 0 and at most 1, but {scale!r:.40}")
    return level, float(scale)


def _frame_or_other(value: dict[str, Any]) -> Any:
    """A frame's line of the manifest, checked and in little memory; any other object as it is."""
    if not {"frame_index", "entry"} <= value.keys():
        return value
    index, name, entry, objects = (value.get(key) for key in ("frame_index", "frame_name", "entry", "objects"))
    if not isinstance(entry, str) or not _ENTRY.fullmatch(entry):
        raise ValueError(f"entry {entry!r:.80} of frame {index!r:.20} lies outside frames/")
    if not isinstance(name, str) or not isinstance(objects, list):
        raise ValueError(f"frame {index!r:.20} has no name or no list of objects")
    ids = array("q", sorted(map(number, objects)))
    if len(set(ids)) != len(ids):
        raise ValueError(f"frame {index!r:.20} lists an object twice")
    return FrameEntry(number(index), name, entry, ids)
