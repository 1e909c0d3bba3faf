"""The masks of objects by view and tracked frame, whoever made them; one frame is in memory at a time."""

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import CorruptFileError, RecordingError
from videotracks.files import Files
from videotracks.masks.annotations import VOID, read_annotation
from videotracks.masks.archive import SegmentsReader
from videotracks.masks.layout import opened_tracks
from videotracks.masks.packed import MAX_PIXELS, unpack
from videotracks.npz import Header, Limits, read_npz
from videotracks.points.trackers import Views
from videotracks.recording import Recording
from videotracks.sources import mask_annotations

#: The name of an array in a file of masks: the number of the instance, alone or behind a word.
_INSTANCE = re.compile(r"(?:instance_)?(0|[1-9]\d{0,8})")
#: Instances in one file of masks.
_MOST_INSTANCES = 256
#: What the header of an array may take, beside its elements.
_HEADER_BYTES = 10_000
_GIVEN = "expected one array bool[views, frames, height, width] per instance, named by its number"


class MaskSettings(BaseModel, frozen=True, extra="forbid"):
    """Whose masks tell where the objects are."""

    masks: Literal["tracks", "annotations", "file"] = Field(
        default="tracks",
        description="tracks: those that the masks branch tracked; annotations: true masks beside the recording; "
        "file: an .npz with an array bool[views, frames, height, width] per instance",
    )
    level: int | None = Field(default=None, ge=0, description="of the tracked masks; the coarsest without one")
    file: str | None = Field(default=None, description="path of the .npz, where masks come from a file")


class InstanceMasks(Protocol):
    """Masks of objects by view and tracked frame, at the size that is tracked."""

    #: Whether an object has the same id in all views; otherwise ids of one view say nothing about another.
    names_shared: bool

    def frames(self, view: int) -> Sequence[int]:
        """The tracked frames in which a view has masks, ascending."""

    def mask(self, view: int, frame: int) -> Mapping[int, np.ndarray]:
        """The masks bool[H, W] of a frame by object id, each made when it is looked up; empty without any."""


class TrackedFrames(NamedTuple):
    """Which frames of a recording are tracked, and at which size."""

    sizes: tuple[tuple[int, int], ...]  # height and width of each view, px, as tracked
    frame_count: int
    stride: int  # every so many frames of the video

    def among(self, numbers: Iterable[int]) -> list[int]:
        """Those frames of the video that are tracked, by their number among the tracked ones."""
        return [n // self.stride for n in numbers if n % self.stride == 0 and n // self.stride < self.frame_count]


class _Masks(Mapping[int, np.ndarray]):
    """Masks that are made when they are looked up."""

    def __init__(self, ids: Sequence[int], make: Callable[[int], np.ndarray]) -> None:
        self._ids, self._make = ids, make

    def __getitem__(self, object_id: int) -> np.ndarray:
        if object_id not in self._ids:
            raise KeyError(object_id)
        return self._make(object_id)

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


class TrackedMasks:
    """The masks of the masks branch: an archive per view, or None where a view has none."""

    names_shared = False

    def __init__(self, archives: Sequence[SegmentsReader | None], tracked: TrackedFrames) -> None:
        self._archives, self._tracked = archives, tracked

    def frames(self, view: int) -> list[int]:
        """As ``InstanceMasks``."""
        archive = self._archives[view]
        return [] if archive is None else self._tracked.among(f for f in archive.frames if archive.objects_of(f))

    def mask(self, view: int, frame: int) -> Mapping[int, np.ndarray]:
        """As ``InstanceMasks``; ``CorruptFileError`` where the archive is damaged."""
        archive, number = self._archives[view], frame * self._tracked.stride
        packed = {} if archive is None or number not in archive else archive.masks(number)
        size = self._tracked.sizes[view]
        return _Masks(list(packed), lambda object_id: resized(unpack(packed[object_id]), size))


class AnnotatedMasks:
    """True masks of DAVIS's layout: for each view its pictures by frame of the video, of ``full_sizes`` (H, W) px."""

    names_shared = False

    def __init__(
        self, files: Sequence[Mapping[int, Path]], full_sizes: Sequence[tuple[int, int]], tracked: TrackedFrames
    ) -> None:
        self._files, self._full_sizes, self._tracked = files, full_sizes, tracked

    def frames(self, view: int) -> list[int]:
        """As ``InstanceMasks``."""
        return self._tracked.among(self._files[view])

    def mask(self, view: int, frame: int) -> Mapping[int, np.ndarray]:
        """As ``InstanceMasks``; ``RecordingError`` for a picture that is none of object ids of this size."""
        path = self._files[view].get(frame * self._tracked.stride)
        if path is None:
            return {}
        picture = resized(read_annotation(path, *self._full_sizes[view]), self._tracked.sizes[view])
        there = [i for i in np.flatnonzero(np.bincount(picture.ravel())).tolist() if i not in (0, VOID)]
        return _Masks(there, lambda object_id: picture == object_id)


class GivenMasks:
    """Masks that a user gives: ``{instance: bool[V, F, H, W]}`` over the F frames of the video.

    ``frame_counts`` are those of the views' videos; F must be one of them. Masks may be smaller than the views. The
    file is read once, a frame at a time, and its masks kept packed. ``CorruptFileError`` for anything else.
    """

    names_shared = True

    def __init__(self, path: Path, frame_counts: Sequence[int], tracked: TrackedFrames) -> None:
        self._tracked = tracked
        self._packed: dict[tuple[int, int], dict[int, bytes]] = {}
        self._shapes: dict[int, tuple[int, int]] = {}
        for key, header in _headers(path, len(tracked.sizes), set(frame_counts)).items():
            instance = int(_INSTANCE.fullmatch(key)[1])  # type: ignore[index]
            if instance in self._shapes:
                raise CorruptFileError(f"{path}: instance {instance} is there under two names; {_GIVEN}")
            self._shapes[instance] = header.shape[2], header.shape[3]
            self._pack(path, key, instance)

    def _pack(self, path: Path, key: str, instance: int) -> None:
        for view, number, mask in _frames_of(path, key):
            if mask.any() and (here := self._tracked.among([number])):
                packed = zlib.compress(np.packbits(mask).tobytes(), 1)
                self._packed.setdefault((view, here[0]), {})[instance] = packed

    def frames(self, view: int) -> list[int]:
        """As ``InstanceMasks``."""
        return sorted(frame for where, frame in self._packed if where == view)

    def mask(self, view: int, frame: int) -> Mapping[int, np.ndarray]:
        """As ``InstanceMasks``."""
        packed = self._packed.get((view, frame), {})

        def unpacked(instance: int) -> np.ndarray:
            shape = self._shapes[instance]
            flat = np.unpackbits(np.frombuffer(zlib.decompress(packed[instance]), "u1"), count=math.prod(shape))
            return resized(flat.view(bool).reshape(shape), self._tracked.sizes[view])

        return _Masks(sorted(packed), unpacked)


@contextmanager
def opened_masks(
    settings: MaskSettings,
    recording: Recording,
    source: Path,
    mask_tracks: Files | None,
    views: Views,
    *,
    stride: int = 1,
) -> Iterator[InstanceMasks]:
    """The masks that ``settings`` ask for, of the views and every ``stride``-th frame that ``views`` show.

    ``mask_tracks`` are the masks branch's, needed where they are asked for. ``RecordingError`` where there are no
    such masks at all.
    """
    tracked = TrackedFrames(tuple((c.height, c.width) for c in views.cameras), views.frame_count, stride)
    places = _places(recording, views)
    if settings.masks == "file":
        if settings.file is None:
            raise RecordingError("masks: 'file' is asked for, and file names none; give the path of an .npz")
        yield GivenMasks(Path(settings.file), [recording.views[place].frame_count for place in places], tracked)
    elif settings.masks == "annotations":
        files = [mask_annotations(source, recording.views[place].camera) for place in places]
        if not any(files):
            raise RecordingError(f"{source}: has no Annotations; choose masks 'tracks', or add pictures of object ids")
        sizes = [(recording.views[place].height, recording.views[place].width) for place in places]
        yield AnnotatedMasks(files, sizes, tracked)
    else:
        if mask_tracks is None:
            raise RecordingError(f"{recording.name}: has no tracked masks; materialise mask_tracks")
        with opened_tracks(mask_tracks, recording) as archives:
            yield TrackedMasks([_at_level(archives[place], settings.level) for place in places], tracked)


def _places(recording: Recording, views: Views) -> list[int]:
    """Which view of the recording each camera is."""
    names = [view.camera for view in recording.views]
    strange = [camera.camera_id for camera in views.cameras if camera.camera_id not in names]
    if strange:
        raise RecordingError(f"{recording.name}: has views {names}, and none that cameras {strange} could be")
    return [names.index(camera.camera_id) for camera in views.cameras]


def _at_level(levels: Mapping[int, SegmentsReader], level: int | None) -> SegmentsReader | None:
    """The archive of a level, or of the coarsest."""
    if level is not None and levels and level not in levels:
        raise RecordingError(f"masks of level {level} were not tracked, those of {sorted(levels)} were")
    return levels[min(levels) if level is None else level] if levels else None


def resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``picture`` [h, w] at another size (H, W): each pixel is the one of the picture that its centre falls into."""
    if picture.shape == size:
        return picture
    (h, w), (height, width) = picture.shape, size
    rows = (2 * np.arange(height) + 1) * h // (2 * height)
    columns = (2 * np.arange(width) + 1) * w // (2 * width)
    return picture.take(columns, axis=1)[rows]


def _headers(path: Path, view_count: int, frame_counts: set[int]) -> dict[str, Header]:
    """What the arrays of a user's file are, none of them read; the file is known to be whole then."""
    found: dict[str, Header] = {}

    def look(headers: Mapping[str, Header]) -> list[str]:
        for key, (dtype, shape) in headers.items():
            fits = len(shape) == 4 and shape[0] == view_count and shape[1] in frame_counts
            if not _INSTANCE.fullmatch(key) or dtype.kind != "b" or not fits:
                raise CorruptFileError(
                    f"array {key!r}: {dtype}{list(shape)}; {_GIVEN}, of {view_count} views and "
                    f"{' or '.join(map(str, sorted(frame_counts)))} frames"
                )
            if not 0 < shape[2] * shape[3] <= MAX_PIXELS:
                raise CorruptFileError(f"array {key!r}: masks of {shape[2]} x {shape[3]} px")
        found.update(headers)
        return []

    most = _MOST_INSTANCES * (view_count * max(frame_counts) * MAX_PIXELS + _HEADER_BYTES)
    read_npz(path, select=look, limits=Limits(members=_MOST_INSTANCES, inflated_bytes=most))
    return found


def _frames_of(path: Path, key: str) -> Iterator[tuple[int, int, np.ndarray]]:
    """View, frame and mask bool[H, W], one after another, of an array that ``_headers`` has looked at."""
    try:
        with ExitStack() as stack:
            member = stack.enter_context(stack.enter_context(zipfile.ZipFile(path)).open(f"{key}.npy"))
            version = np.lib.format.read_magic(member)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            (view_count, frames, height, width), fortran, _ = read(member, max_header_size=_HEADER_BYTES)
            if fortran:
                raise CorruptFileError(f"{path}: array {key!r} is in Fortran order; save a copy in C order")
            for view in range(view_count):
                for number in range(frames):
                    pixels = np.frombuffer(member.read(height * width), "u1")
                    if len(pixels) != height * width or pixels.max() > 1:
                        raise CorruptFileError(f"{path}: array {key!r} is cut short or holds other bytes than 0 and 1")
                    yield view, number, pixels.view(bool).reshape(height, width)
            member.read(1)  # the checksum is compared at the end
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CorruptFileError(f"{path}: array {key!r} cannot be read ({error}); write the file again") from error
