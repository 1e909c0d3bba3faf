"""What happens by itself: recordings are found, stale outputs are made again, nights fill what is missing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from assets.video_asset import videos
from resources.library import Library
from videotracks.errors import RecordingError

RUNS_PER_NIGHT = 50

people_report = dg.define_asset_job(
    "people_report",
    selection=dg.AssetSelection.groups("recordings", "people"),
    partitions_def=videos,
    description="Everything of one video, from the recording to the person report.",
)


class Discovery(NamedTuple):
    """What a look at the library found: recordings to register and run, and those whose files changed."""

    new: list[str]
    changed: list[str]
    fingerprints: dict[str, str]


def fingerprint(source: Path) -> str:
    """Size and time of a recording's files: cheap, and different when one is replaced."""
    files = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    return ";".join(f"{p.name}:{p.stat().st_size}:{p.stat().st_mtime_ns}" for p in files)


def discover(fingerprints: Mapping[str, str], registered: set[str], seen: Mapping[str, str]) -> Discovery:
    """Compare what lies in the library with what is registered and what was seen before.

    A recording that was registered by hand and never seen by the sensor is remembered, not run again.
    """
    new = [key for key in fingerprints if key not in registered]
    changed = [
        key for key in fingerprints if key in registered and seen.get(key, fingerprints[key]) != fingerprints[key]
    ]
    return Discovery(sorted(new), sorted(changed), dict(fingerprints))


@dg.sensor(
    job=people_report,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers recordings that were dropped into the library and launches their runs; a replaced file "
    "is probed again, and what depends on its content follows.",
)
def recordings_sensor(context: dg.SensorEvaluationContext, library: Library) -> dg.SensorResult | dg.SkipReason:
    """Register new recordings, launch one run each, and a run for each whose files were replaced."""
    try:
        fingerprints = {key: fingerprint(source) for key, source in library.sources().items()}
    except RecordingError as error:
        return dg.SkipReason(str(error))
    registered = set(context.instance.get_dynamic_partitions("videos"))
    found = discover(fingerprints, registered, json.loads(context.cursor or "{}"))
    if not found.new and not found.changed:
        context.update_cursor(json.dumps(found.fingerprints))
        return dg.SkipReason(f"nothing new among {len(fingerprints)} recordings")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(partition_key=key, run_key=f"{key}:{found.fingerprints[key]}")
            for key in found.new + found.changed
        ],
        dynamic_partitions_requests=[videos.build_add_request(found.new)] if found.new else [],
        cursor=json.dumps(found.fingerprints),
    )


def unfinished(registered: set[str], reported: set[str], limit: int) -> list[str]:
    """The videos without a report, at most ``limit``, in order."""
    return sorted(registered - reported)[:limit]


@dg.schedule(
    job=people_report,
    cron_schedule="0 2 * * *",
    description=f"Every night, runs the videos that still have no report, at most {RUNS_PER_NIGHT} a night.",
)
def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Fill what is missing: one run per video without a report."""
    registered = set(context.instance.get_dynamic_partitions("videos"))
    reported = context.instance.get_materialized_partitions(dg.AssetKey("person_report"))
    missing = unfinished(registered, reported, RUNS_PER_NIGHT)
    if not missing:
        return dg.SkipReason(f"all {len(registered)} videos have a report")
    day = context.scheduled_execution_time.date()
    return [dg.RunRequest(partition_key=key, run_key=f"{key}:{day}") for key in missing]


stale_outputs = dg.AutomationConditionSensorDefinition(
    "stale_outputs",
    target=dg.AssetSelection.all(),
    description="Makes outputs again whose data, code or settings changed.",
)
