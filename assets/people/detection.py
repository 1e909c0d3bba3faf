"""From a recording to detections and their crops, in one decode pass."""

from typing import Any

import dagster as dg

from assets.pictures import crop_sheet
from assets.video_asset import Stored, video_assets
from resources.detector import DetectorModel
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.people.crop_store import CropStore
from videotracks.recording import Recording
from videotracks.tables import Detections


@video_assets(
    group="people",
    settings=["detection", "crops"],
    pool="gpu",
    outputs={
        "detections": Stored(
            "detections_raw.npz",
            "npz",
            {"opencv"},
            "Persons found in each frame: boxes xyxy in pixels of the view, confidences 0 to 1, one row each. "
            "Read by the tracker.",
        ),
        "detection_crops": Stored(
            "detection_crops.h5",
            "hdf5",
            {"opencv"},
            "The pixels of every detection, crop i for row i of the detections, so that no later stage opens the "
            "video again. Read by the crops by person.",
        ),
    },
)
def detect(
    context: dg.AssetExecutionContext,
    recording: Recording,
    library: Library,
    detector: DetectorModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> tuple[dg.MaterializeResult[Detections], dg.MaterializeResult[CropStore]]:
    """Decode the recording once, find the persons, and keep their pixels."""
    from videotracks.people.detection import crop_recording, detect_recording
    from videotracks.people.motchallenge import public_detections

    source = library.source(context.partition_key)
    path = outputs.draft("detection_crops.h5")
    bar = progress.of(context, "detecting")
    if detector.kind == "public":
        given = public_detections(recording, source)
        found = crop_recording(recording, source, given, path, settings.crops, bar)
    else:
        found = detect_recording(recording, source, detector.load(), path, settings.detection, settings.crops, bar)
    crops = CropStore.open(path)
    frames = sum(view.frame_count for view in recording.views)
    seen = int((found.counts > 0).sum())
    about: dict[str, Any] = {
        "model": detector.provenance(),
        "frames": frames,
        "frames_with_persons": seen,
        "summary": f"{found.row_count} persons in {seen} of {frames} frames, by {detector.kind}",
    }
    return (
        dg.MaterializeResult(asset_key="detections", value=found, metadata=about),
        dg.MaterializeResult(
            asset_key="detection_crops",
            value=crops,
            metadata={"crops": len(crops), "codec": crops.codec, "summary": f"{len(crops)} crops", **crop_sheet(crops)},
        ),
    )
