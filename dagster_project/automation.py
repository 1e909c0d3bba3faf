"""What happens by itself: recordings are found, stale outputs are made again, nights fill and re-validate."""

import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import dagster as dg
from pydantic import BaseModel, ValidationError

from assets.video_asset import videos
from resources.library import Library
from videotracks.errors import RecordingError
from videotracks.sources import recording_files

RUNS_PER_NIGHT = 50
#: A recording whose files were written to this lately may still be arriving: it waits for the next look.
SETTLE_S = 10.0
#: A video that has these is done.
REPORTS = ("person_report", "mask_report", "track_videos", "persistence_report")

everything = dg.define_asset_job(
    "everything",
    selection=dg.AssetSelection.groups("recordings", "people", "masks", "points", "persistence"),
    description="Everything of one video, from the recording to its reports and its tracks in 3D.",
)

validation = dg.define_asset_job(
    "validation",
    selection=dg.AssetSelection.all_asset_checks(),
    description="All checks of one video, against its stored outputs. Nothing is made again. Started by hand, it "
    "wants the tag `dagster/partition` with the video's key.",
)


class Sighting(NamedTuple):
    """What the files of a recording look like from outside: cheap, and different when one is replaced."""

    fingerprint: str
    age_s: float  # since the last of them was written to


class Memory(BaseModel):
    """What the sensor keeps between two looks, by key: fingerprints that were dealt with, and those that wait."""

    settled: dict[str, str] = {}
    waiting: dict[str, str] = {}


class Discovery(NamedTuple):
    """What a look at the library found: recordings to register and run, those whose files changed, and the memory."""

    new: list[str]
    changed: list[str]
    memory: Memory


def sighting(source: Path) -> Sighting | None:
    """Sizes and times of a recording's files, annotations included; None where they are gone."""
    try:
        stats = [(file.name, file.stat()) for file in recording_files(source)]
    except FileNotFoundError:
        return None
    if not stats:
        return None
    text = ";".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)
    newest = max(stat.st_mtime for _, stat in stats)
    return Sighting(sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16], time.time() - newest)


def discover(found: Mapping[str, Sighting], registered: set[str], memory: Memory) -> Discovery:
    """Compare what lies in the library with what is registered and what was seen before.

    A recording is left for the next look while its files are fresh, unless they look as they did at the last one.
    One that was registered by hand and never seen here is remembered, not run. One that is gone stays remembered.
    """
    new: list[str] = []
    changed: list[str] = []
    after = Memory(settled=dict(memory.settled))
    for key, (fingerprint, age_s) in sorted(found.items()):
        before = memory.settled.get(key)
        if key in registered and before == fingerprint:
            continue
        if key not in registered or before is not None:
            if age_s < SETTLE_S and memory.waiting.get(key) != fingerprint:
                after.waiting[key] = fingerprint
                continue
            (changed if key in registered else new).append(key)
        after.settled[key] = fingerprint
    return Discovery(new, changed, after)


@dg.sensor(
    job=everything,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers recordings that were dropped into the library and launches their runs; a replaced file "
    "is probed again, and what depends on its content follows.",
)
def recordings_sensor(context: dg.SensorEvaluationContext, library: Library) -> dg.SensorResult | dg.SkipReason:
    """Register new recordings, launch one run each, and a run for each whose files were replaced."""
    try:
        seen = {key: sighting(source) for key, source in library.sources().items()}
    except RecordingError as error:
        return dg.SkipReason(str(error))
    here = {key: one for key, one in seen.items() if one is not None}
    registered = set(context.instance.get_dynamic_partitions("videos"))
    found = discover(here, registered, _memory(context.cursor))
    cursor = found.memory.model_dump_json()
    runs = found.new + found.changed
    if not runs:
        said = f"nothing new among {len(here)} recordings"
        if found.memory.waiting:
            said += f"; still arriving: {', '.join(found.memory.waiting)}"
        return dg.SensorResult(skip_reason=said, cursor=cursor)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key=key, run_key=f"{key}:{here[key].fingerprint}") for key in runs],
        dynamic_partitions_requests=[videos.build_add_request(found.new)] if found.new else [],
        cursor=cursor,
    )


def _memory(cursor: str | None) -> Memory:
    """What the cursor holds; nothing where someone reset it or wrote something else into it."""
    try:
        return Memory.model_validate_json(cursor or "{}")
    except ValidationError:
        return Memory()


def in_turn(videos: set[str], night: int, limit: int) -> list[str]:
    """At most ``limit`` videos, each night the next ones: those that fail every night keep no other from its turn."""
    ordered = sorted(videos)
    if len(ordered) <= limit:
        return ordered
    first = night * limit % len(ordered)
    return (ordered + ordered)[first : first + limit]


def unfinished(registered: set[str], reported: set[str], night: int, limit: int = RUNS_PER_NIGHT) -> list[str]:
    """The videos that lack a report, at most ``limit``, in turn."""
    return in_turn(registered - reported, night, limit)


@dg.schedule(
    job=everything,
    cron_schedule="0 2 * * *",
    description=f"Every night, runs the videos that still lack a report, at most {RUNS_PER_NIGHT} a night.",
)
def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Fill what is missing: one run per video without a report."""
    registered, reported = _videos(context.instance)
    day = context.scheduled_execution_time.date()
    missing = unfinished(registered, reported, day.toordinal())
    if not missing:
        return dg.SkipReason(f"all {len(registered)} videos have their reports")
    return [dg.RunRequest(partition_key=key, run_key=f"{key}:{day}") for key in missing]


@dg.schedule(
    job=validation,
    cron_schedule="0 4 * * *",
    description=f"Every night, evaluates the checks of {RUNS_PER_NIGHT} videos that have their reports, in turn.",
)
def revalidation(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Check stored outputs again: a damaged file or a changed baseline shows, nothing is made."""
    registered, reported = _videos(context.instance)
    day = context.scheduled_execution_time.date()
    chosen = in_turn(registered & reported, day.toordinal(), RUNS_PER_NIGHT)
    if not chosen:
        return dg.SkipReason("no video has its reports")
    # A job of checks alone has no partitions of its own: the tag says which video.
    return [dg.RunRequest(run_key=f"check:{key}:{day}", tags={"dagster/partition": key}) for key in chosen]


def _videos(instance: dg.DagsterInstance) -> tuple[set[str], set[str]]:
    """The registered videos, and those that have all reports."""
    registered = set(instance.get_dynamic_partitions("videos"))
    made = [instance.get_materialized_partitions(dg.AssetKey(report)) for report in REPORTS]
    return registered, set.intersection(*made)


stale_outputs = dg.AutomationConditionSensorDefinition(
    "stale_outputs",
    target=dg.AssetSelection.all(),
    description="Makes outputs again whose data, code or settings changed.",
)
