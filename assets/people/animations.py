"""What people look at: animations of the persons, and the video with their boxes."""

import dagster as dg

from assets.checks import verdict_result, video_check
from assets.video_asset import video_asset
from resources.baselines import Baselines
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.baseline import describe_animations
from videotracks.files import Files
from videotracks.people.crop_store import CropStore
from videotracks.people.merging import MergingReport
from videotracks.people.validation import animations_against_baseline
from videotracks.recording import Recording
from videotracks.tables import Persons


@video_asset(file="webp", storage="files", group="people", kinds={"pillow"}, settings=["animations"])
def person_animations(
    merged_persons: Persons,
    merging_report: MergingReport,
    crops_by_person: CropStore,
    outputs: Outputs,
    settings: Settings,
) -> dg.MaterializeResult[Files]:
    """A WebP animation of each of the first persons of the ranking: 128 by 192 pixels, 60 frames, 10 per second.

    Reads only the crops that it shows. Embedded in the report.
    """
    from videotracks.people.animations import write_animations

    assert merging_report.rankings is not None, "the asset stores its report with the ranking of those who remain"
    folder = outputs.draft("webp")
    made = write_animations(
        folder,
        merged_persons,
        crops_by_person,
        merging_report.rankings,
        merging_report.merges,
        settings.animations,
    )
    size = sum(animation.bytes for animation in made)
    return dg.MaterializeResult(
        value=Files({"webp": folder}),
        metadata={"animations": len(made), "summary": f"{len(made)} animations, {size / 1e6:.1f} MB"},
    )


@video_check(asset="person_animations")
def animations_like_baseline(
    context: dg.AssetCheckExecutionContext, person_animations: Files, baselines: Baselines, settings: Settings
) -> dg.AssetCheckResult:
    """As many animations as in the baseline, of about as many frames and bytes."""
    baseline = baselines.of(context.partition_key)
    made = describe_animations(person_animations["webp"]) or []
    return verdict_result(
        animations_against_baseline(made, baseline.animations if baseline else None, settings.validation)
    )


@video_asset(file="annotated.mp4", storage="files", group="people", kinds={"video"}, settings=["annotation"])
def annotated_video(
    context: dg.AssetExecutionContext,
    recording: Recording,
    merged_persons: Persons,
    library: Library,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """The video with boxes, ids and trails drawn on it, H.264 that browsers play.

    Of several views the first is ``annotated.mp4``, the others are ``annotated_<camera>.mp4``.
    """
    from videotracks.people.annotate import annotate_recording

    folder = outputs.draft("annotated")
    folder.mkdir()
    source = library.source(context.partition_key)
    made = annotate_recording(
        recording, source, merged_persons, folder, settings.annotation, progress.of(context, "drawing")
    )
    first = recording.views[0].camera
    names = {camera: "annotated.mp4" if camera == first else f"annotated_{camera}.mp4" for camera in made}
    return dg.MaterializeResult(
        value=Files({names[camera]: path for camera, path in made.items()}),
        metadata={"views": len(made), "summary": f"{len(made)} videos"},
    )
