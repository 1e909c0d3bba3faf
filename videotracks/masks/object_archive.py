"""The archive by object: where each object's masks lie in the archive by frame, and whether the two agree."""

import json
from pathlib import Path
from typing import Any

from videotracks.errors import CorruptFileError
from videotracks.masks.archive import MANIFEST, SegmentsReader, number, read_meta
from videotracks.masks.zip_members import Members, member, new_archive

#: Problems that are told of two archives; the rest is counted.
MAX_PROBLEMS = 20
#: What the manifest may take for each reference, and beside them.
_REFERENCE_BYTES, _BESIDE_BYTES = 1 << 9, 1 << 16


def write_object_segments(path: Path, segments: SegmentsReader, linked_video: str) -> None:
    """Write, for every object, its frames and their entries in the archive by frame, named ``linked_video``.

    References only, no second copy of a mask. Equal archives by frame give equal files.
    """
    meta = {"level": segments.level, "mask_scale_ratio": segments.scale, "linked_video": linked_video}
    with new_archive(path) as archive, archive.open(member(MANIFEST), "w", force_zip64=True) as manifest:
        manifest.write(f'{{"meta":{json.dumps(meta)},"objects":{{'.encode())
        for place, object_id in enumerate(segments.objects):
            references = ",".join(
                f'{{"frame_index":{frame},"frame_entry":"{segments.entry(frame).entry}"}}'
                for frame in segments.frames_of(object_id)
            )
            manifest.write(f'{"," if place else ""}\n"{object_id}":[{references}]'.encode())
        manifest.write(b"\n}}\n")


def verify_archives(frame_major: Path, object_major: Path) -> list[str]:
    """What is wrong with two archives, or between them; empty if every mask reads and every reference is right."""
    try:
        with SegmentsReader(frame_major) as segments:
            problems = _unreadable(segments)
            try:
                problems += _disagreements(segments, object_major)
            except (CorruptFileError, FileNotFoundError) as error:
                problems.append(str(error))
    except (CorruptFileError, FileNotFoundError) as error:
        return [str(error)]
    more = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], f"and {more:,} more"] if more > 0 else problems


def _unreadable(segments: SegmentsReader) -> list[str]:
    problems = []
    for frame in segments.frames:
        try:
            segments.masks(frame)
        except CorruptFileError as error:
            problems.append(str(error))
    return problems


def _disagreements(segments: SegmentsReader, object_major: Path) -> list[str]:
    """How the archive by object differs from what the archive by frame holds."""

    def reference_or_other(value: dict[str, Any]) -> Any:
        if not {"frame_index", "frame_entry"} <= value.keys():
            return value
        frame = number(value["frame_index"])
        if frame not in segments or value["frame_entry"] != segments.entry(frame).entry:
            raise ValueError(f"frame {frame} is not at {value['frame_entry']!r:.80} in {segments.path.name}")
        return frame

    expected = {object_id: segments.frames_of(object_id) for object_id in segments.objects}
    limit = _BESIDE_BYTES + _REFERENCE_BYTES * (len(expected) + sum(map(len, expected.values())))
    with Members(object_major) as members:
        for name in members:
            if name != MANIFEST:
                raise members.error(name, "does not belong here")
        manifest = members.json(MANIFEST, limit, reference_or_other)
        level, scale = read_meta(members, manifest)
        problems = _of_meta(segments, manifest["meta"], level, scale)
        objects = manifest.get("objects")
        if not isinstance(objects, dict):
            raise members.error(MANIFEST, "has no objects by id")
        try:
            found = {number(key): frames for key, frames in objects.items()}
        except ValueError as error:
            raise members.error(MANIFEST, f"has an object whose id is none: {error}") from None
    for object_id in sorted(expected.keys() | found.keys()):
        frames = found.get(object_id, [])
        if not isinstance(frames, list) or not all(type(frame) is int for frame in frames):
            problems.append(f"{object_major}: object {object_id} has no list of references to frames")
        elif sorted(frames) != expected.get(object_id, []):
            there = len(expected.get(object_id, []))
            problems.append(
                f"{object_major}: object {object_id} refers to {len(frames)} frames, {there} have it; "
                "the two archives are not of one tracking: materialise mask_tracks again"
            )
    return [problem if str(object_major) in problem else f"{object_major}: {problem}" for problem in problems]


def _of_meta(segments: SegmentsReader, meta: dict[str, Any], level: int, scale: float) -> list[str]:
    problems = []
    if (level, scale) != (segments.level, segments.scale):
        problems.append(
            f"level {level} at scale {scale:g}, but {segments.path.name} has {segments.level} at {segments.scale:g}"
        )
    if meta.get("linked_video") != segments.path.name:
        problems.append(f"links to {meta.get('linked_video')!r:.80}, not to {segments.path.name}")
    return problems
