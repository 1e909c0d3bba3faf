"""Tracked masks in the COCO formats that annotation and evaluation tools read.

``export_coco``: one annotation per object with a list over the frames, as in YouTube-VIS.
``export_coco_images``: one annotation per mask, as in plain COCO, which ``pycocotools.coco.COCO`` opens.
Masks stand at the size of the video as compressed run lengths.
"""

import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from videotracks.masks.archive import SegmentsReader
from videotracks.masks.overlap import encode
from videotracks.masks.packed import unpack_full

#: Tracked objects have no class; the formats ask for one.
CATEGORY = {"id": 1, "name": "object", "supercategory": "object"}
_VIDEO_ID = 1
_NULLS_AT_ONCE = 4096


def export_coco(segments: SegmentsReader, path: Path, *, video: str) -> int:
    """Write the objects of an archive as YouTube-VIS JSON; returns how many have any pixels.

    ``videos`` has one video, named ``video``, with its ``file_names`` and, beyond the format, the ``frame_indices`` of
    the frames that were followed. An annotation's id is that of its object; its ``segmentations`` (``{"size": [H, W],
    "counts": "…"}``), ``bboxes`` (x, y, width, height in px) and ``areas`` (px) have an element for each of these
    frames, null where the object is not there. Every frame is read once; the masks wait on disk, beside ``path``, to
    be put in the order of the objects.
    """
    with _new_json(path) as file, tempfile.TemporaryFile(dir=path.parent) as spool:
        seen, (height, width) = _spool(segments, spool)
        size = {"width": width, "height": height, "length": len(segments.frames)}
        files = {"file_names": _file_names(segments, video), "frame_indices": segments.frames}
        _begin(file, segments, videos=[{"id": _VIDEO_ID, "name": video, **size, **files}])
        for place, object_id in enumerate(sorted(seen)):
            head = {"id": object_id, "video_id": _VIDEO_ID, "category_id": CATEGORY["id"], "iscrowd": 0, **size}
            file.write((",\n" if place else "\n") + json.dumps(head)[:-1])
            for column, key in enumerate(("segmentations", "bboxes", "areas")):
                file.write(f', "{key}": [')
                values = (_spooled(spool, offset, column) for offset in seen[object_id].offsets)
                _write_sparse(file, seen[object_id].positions, values, len(segments.frames))
                file.write("]")
            file.write("}")
        file.write("\n]}\n")
    return len(seen)


def export_coco_images(segments: SegmentsReader, path: Path, *, video: str) -> int:
    """Write all masks of an archive as plain COCO JSON, one image per frame; returns how many masks.

    An image's id is its frame number, and ``track_id`` of an annotation is the object's.
    """
    with _new_json(path) as file:
        height, width = next((masks[0][1].size for _, masks in _encoded(segments) if masks), (0, 0))
        names = zip(segments.frames, _file_names(segments, video), strict=True)
        images = [{"id": frame, "file_name": name, "width": width, "height": height} for frame, name in names]
        _begin(file, segments, images=images)
        count = 0
        for frame, masks in _encoded(segments):
            for object_id, mask in masks:
                count += 1
                head = {"id": count, "image_id": frame, "track_id": object_id, "category_id": CATEGORY["id"]}
                mask_as = {"iscrowd": 0, "segmentation": mask.rle, "bbox": mask.box, "area": mask.area}
                file.write((",\n" if count > 1 else "\n") + json.dumps({**head, **mask_as}))
        file.write("\n]}\n")
    return count


@contextmanager
def _new_json(path: Path) -> Iterator[IO[str]]:
    """A file to be filled; it is there when the ``with`` block ends well, and not otherwise."""
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("w", encoding="ascii", newline="\n") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _begin(file: IO[str], segments: SegmentsReader, **lists: list[dict[str, Any]]) -> None:
    info = {"description": f"tracked masks of level {segments.level}"}
    head = {"info": info, "licenses": [], "categories": [CATEGORY], **lists}
    file.write(json.dumps(head)[:-1] + ', "annotations": [')


def _file_names(segments: SegmentsReader, video: str) -> list[str]:
    return [f"{video}/{name}.jpg" for name in segments.names]


class _Encoded(NamedTuple):
    rle: dict[str, Any]
    box: list[float]
    area: int

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.rle["size"]
        return height, width


def _encoded(segments: SegmentsReader) -> Iterator[tuple[int, list[tuple[int, _Encoded]]]]:
    """Every frame, with those of its objects that have any pixels, at the size of the video."""
    from pycocotools import mask as coco

    for frame in segments.frames:
        masks = segments.masks(frame)
        rles = encode(unpack_full(mask) for mask in masks.values())
        if not rles:
            yield frame, []
            continue
        texts = [{"size": rle["size"], "counts": rle["counts"].decode("ascii")} for rle in rles]
        found = map(_Encoded, texts, coco.toBbox(rles).tolist(), coco.area(rles).tolist())
        yield frame, [(object_id, mask) for object_id, mask in zip(masks, found, strict=True) if mask.area]


class _Seen(NamedTuple):
    """Where among the frames an object is, and at which bytes its masks wait."""

    positions: "array[int]"
    offsets: "array[int]"


def _spool(segments: SegmentsReader, spool: IO[bytes]) -> tuple[dict[int, _Seen], tuple[int, int]]:
    """Write every mask as a line: run lengths, box and area as JSON, with tabs between. The size is that of all."""
    seen: dict[int, _Seen] = {}
    size, offset = (0, 0), 0
    for position, (_, masks) in enumerate(_encoded(segments)):
        for object_id, mask in masks:
            size = mask.size
            here = seen.setdefault(object_id, _Seen(array("q"), array("q")))
            here.positions.append(position)
            here.offsets.append(offset)
            offset += spool.write("\t".join(map(json.dumps, mask)).encode() + b"\n")
    return seen, size


def _spooled(spool: IO[bytes], offset: int, column: int) -> str:
    spool.seek(offset)
    return spool.readline().decode().rstrip("\n").split("\t")[column]


def _write_sparse(file: IO[str], positions: Iterable[int], values: Iterable[str], length: int) -> None:
    """Write ``length`` elements with commas between, null where there is no value."""
    written = 0
    for position, value in zip(positions, values, strict=True):
        _write_nulls(file, written, position)
        file.write(("," if position else "") + value)
        written = position + 1
    _write_nulls(file, written, length)


def _write_nulls(file: IO[str], begin: int, end: int) -> None:
    for start in range(begin, end, _NULLS_AT_ONCE):
        nulls = ",".join(["null"] * (min(end, start + _NULLS_AT_ONCE) - start))
        file.write(("," if start else "") + nulls)
