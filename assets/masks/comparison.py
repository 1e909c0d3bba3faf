"""What people look at: candidates and tracked masks side by side, and the video with the masks over it."""

import json
from typing import Any

import dagster as dg

from assets.pictures import picture
from assets.video_asset import video_asset
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files
from videotracks.recording import Recording

#: Pictures in the metadata, and the size of each in px: three panels side by side.
TILES, SHEET_TILE = 5, (720, 150)


@video_asset(
    file="mask_comparison.json",
    storage="files",
    group="masks",
    kinds={"opencv"},
    settings=["mask_comparison"],
)
def mask_comparison(
    context: dg.AssetExecutionContext,
    recording: Recording,
    mask_candidates: Files,
    mask_tracks: Files,
    library: Library,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Frame, candidates and tracked masks side by side, at most 12 frames a level, and ``masks.mp4`` to watch.

    An object has one colour in all of them. ``level_{L}/viz/compare/`` holds the pictures and a summary with what is
    missing; of several views each has its own folder. Read by the mask report.
    """
    from videotracks.masks.comparison.recording import compare_recording

    compared = compare_recording(
        recording,
        library.source(context.partition_key),
        mask_candidates,
        mask_tracks,
        outputs.draft,
        settings.mask_comparison,
        progress.of(context, "comparing"),
    )
    entry = outputs.draft("mask_comparison.json")
    entry.write_text(json.dumps(compared.warnings, indent=1))
    about: dict[str, Any] = (
        {"contact sheet": picture(*compared.sheet(TILES), columns=1, tile=SHEET_TILE)} if compared.pictures else {}
    )
    return dg.MaterializeResult(
        value=Files({entry.name: entry, **compared.members}),
        metadata={
            "pictures": len(compared.pictures),
            "warnings": len(compared.warnings),
            "summary": f"{len(compared.pictures)} pictures, {len(compared.warnings)} warnings",
            **about,
        },
    )
