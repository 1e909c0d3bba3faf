"""Freezing the outputs of a video as its baseline, with what made them."""

from pathlib import Path

import dagster as dg

from assets.people.report import STAGES
from assets.video_asset import wall_seconds
from dagster_project.deployment import Deployment
from dagster_project.runs import dagster_instance
from resources.outputs import local
from videotracks.baseline import Baseline, Provenance, capture
from videotracks.errors import BaselineError
from videotracks.legacy import import_legacy
from videotracks.npz import read_table
from videotracks.people.accuracy import score_recording
from videotracks.recording import Recording
from videotracks.tables import Persons, Tracklets


def capture_baseline(deployment: Deployment, video: str) -> Baseline:
    """Freeze the present outputs of a video; ``VideoTracksError`` where there are none, or not on this machine."""
    folder = local(deployment.output_store().folder(video))
    with dagster_instance(deployment) as instance:
        provenance = _provenance(deployment, instance, video)
    return capture(folder, deployment.baselines_folder / video, provenance)


def import_baseline(deployment: Deployment, video: str, folder: Path) -> Baseline:
    """Take a folder that the older scripts wrote as the baseline of a video."""
    return import_legacy(folder, deployment.baselines_folder / video)


def _code_versions(instance: dg.DagsterInstance, video: str) -> str:
    """The code versions of the materialised stages, ``asset=version`` each."""
    found = []
    for asset in STAGES:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[video]), limit=1
        ).records
        made = records[0].asset_materialization if records else None
        if made:
            found.append(f"{asset}={(made.tags or {}).get('dagster/code_version', '?')}")
    return " ".join(found)


def _scores(deployment: Deployment, recording: Recording, video: str) -> dict[str, dict[str, float]]:
    """HOTA, IDF1 and MOTA of the stored tracklets and persons; empty without ground truth."""
    source, store = deployment.library().source(video), deployment.output_store().folder(video)
    scores = {}
    tables: list[tuple[str, str, type[Tracklets | Persons]]] = [
        ("tracklets", "tracklets_raw.npz", Tracklets),
        ("merged_persons", "merged_persons.npz", Persons),
    ]
    for asset, file, table in tables:
        path = local(store / file)
        score = score_recording(recording, source, read_table(path, table)) if path.is_file() else None
        if score is not None:
            scores[asset] = score.headline()
    return scores


def _provenance(deployment: Deployment, instance: dg.DagsterInstance, video: str) -> Provenance:
    recorded = deployment.output_file(video, "recording.json")
    if recorded is None:
        raise BaselineError(f"{video}: no outputs to freeze; run it first (`videotracks run {video}`)")
    recording = Recording.model_validate_json(recorded.read_text())
    resources = deployment.resources()
    return Provenance(
        code_version=_code_versions(instance, video),
        configuration=resources["settings"].model_dump(mode="json"),
        weights={
            name: sha256
            for name in ("detector", "reidentifier")
            if (sha256 := resources[name].provenance().get("sha256")) is not None
        },
        content_hash=recording.content_hash,
        timings_s=wall_seconds(instance, video, STAGES),
        accuracy=_scores(deployment, recording, video),
    )
