"""What the persistence filter is trained on, and the training: generated tracks, the tokenizer, the classifier."""

from collections.abc import Iterator

import dagster as dg

from assets.pictures import image
from assets.video_asset import shared_asset
from resources.outputs import Outputs
from resources.persistence_filter import CLASSIFIER_FILE, TOKENIZER_FILE, PersistenceFilterModel
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files
from videotracks.persistence.generator.store import GeneratedTracks

GROUP = "persistence_training"
COMMAND = "videotracks train"


@shared_asset(file="synthetic_tracks.h5", storage="hdf5", group=GROUP, kinds={"opencv"}, settings=["synthetic_tracks"])
def synthetic_tracks(
    context: dg.AssetExecutionContext, outputs: Outputs, settings: Settings, progress: ProgressLog
) -> dg.MaterializeResult[GeneratedTracks]:
    """Tracks of generated scenes, seen by two calibrated cameras, with the truth about each: things, reflections,
    glare and noise.

    Read by the tokenizer and the classifier; ``matched`` tracks differ in nothing but their pixels.
    """
    from videotracks.persistence.generator.contact import example_sheet
    from videotracks.persistence.generator.store import write_tracks

    with outputs.work_folder(None, "synthetic_tracks") as work:
        made = work / "synthetic_tracks.h5"
        write_tracks(made, settings.synthetic_tracks, progress.of(context, "generating", "scenes"))
        path = made.rename(outputs.draft("synthetic_tracks.h5"))
    tracks = GeneratedTracks.open(path)
    return dg.MaterializeResult(
        value=tracks,
        metadata={
            "tracks": len(tracks),
            "summary": f"{len(tracks)} tracks, {int(tracks.table.label.sum())} of them things",
            "examples": image(example_sheet(tracks.split("test"))),
        },
    )


@dg.asset_check(asset=synthetic_tracks, blocking=True)
def leak_audit(synthetic_tracks: GeneratedTracks) -> dg.AssetCheckResult:
    """No single number of a track, its length or confidence say, tells things from false tracks (AUROC ≤ 0.60)."""
    from videotracks.persistence.generator.leak_audit import audit

    found = audit(synthetic_tracks.split("train"))
    rows = [f"| {each.feature} | {each.auroc:.3f} | {each.limit or ''} |" for each in found.features]
    table = "\n".join(["| number | AUROC | limit |", "|---|---|---|", *rows])
    worst = found.worst
    return dg.AssetCheckResult(
        passed=found.passed,
        description=f"{worst.feature} tells most: AUROC {worst.auroc:.3f}",
        metadata={"tracks": found.tracks, "things": found.things, "numbers": dg.MetadataValue.md(table)},
    )


@shared_asset(
    file=TOKENIZER_FILE, storage="files", group=GROUP, kinds={"pytorch"}, settings=["tokenizer_training"], pool="gpu"
)
def video_tokenizer(
    context: dg.AssetExecutionContext,
    synthetic_tracks: GeneratedTracks,
    persistence_filter: PersistenceFilterModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """A video tokenizer in the manner of MagVIT, trained on crops alone: causal 3D convolutions, lookup-free codes.

    Its encoder makes the features of tracks. Used for videos where ``persistence_filter.tokenizer`` is ``trained``.
    """
    from videotracks.persistence.tokenizer.pictures import draw_reconstructions, draw_training
    from videotracks.persistence.tokenizer.training import train_tokenizer
    from videotracks.persistence.tokenizer.weights import read_tokenizer, write_tokenizer

    version = synthetic_tracks.content_version()
    path = outputs.draft(TOKENIZER_FILE)
    shown = synthetic_tracks.split("test").clips()
    with outputs.work_folder(None, "video_tokenizer") as work:
        trained = train_tokenizer(
            synthetic_tracks.split("train").clips(),
            synthetic_tracks.split("validation").clips(),
            settings.tokenizer_training,
            work,
            version,
            device=persistence_filter.device,
            progress=progress.of(context, "training", "steps"),
        )
        write_tokenizer(path, trained, {"command": COMMAND, "synthetic_tracks": version})
    network = read_tokenizer(path).network
    return dg.MaterializeResult(
        value=Files({TOKENIZER_FILE: path}),
        metadata={
            **{name: float(trained.curve(name)[-1]) for name in ("psnr_db", "code_usage")},
            "device": persistence_filter.device,
            "summary": f"PSNR {trained.curve('psnr_db')[-1]:.1f} dB on clips not trained on",
            "curves": image(draw_training(trained)),
            "reconstructions": image(draw_reconstructions(network, [shown[i] for i in range(min(4, len(shown)))])),
        },
    )


@shared_asset(file="synthetic_features", storage="files", group=GROUP, kinds={"pytorch"}, pool="gpu")
def synthetic_features(
    context: dg.AssetExecutionContext,
    synthetic_tracks: GeneratedTracks,
    video_tokenizer: Files,
    persistence_filter: PersistenceFilterModel,
    outputs: Outputs,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Features of all generated tracks by the trained tokenizer, ``{set}_{split}.npz``, f4[T, 256] per track."""
    from videotracks.persistence.classifier.sample_files import write_samples
    from videotracks.persistence.tokenizer.encoder import VideoTokenizerEncoder

    encoder = VideoTokenizerEncoder(video_tokenizer[TOKENIZER_FILE], device=persistence_filter.device)
    folder = outputs.draft("synthetic_features")
    write_samples(synthetic_tracks, encoder, folder, progress.of(context, "encoding", "tracks"))
    return dg.MaterializeResult(
        value=Files({"synthetic_features": folder}),
        metadata={"model": encoder.provenance(), "summary": f"features of {len(synthetic_tracks)} tracks"},
    )


@shared_asset(
    file=CLASSIFIER_FILE, storage="files", group=GROUP, kinds={"pytorch"}, settings=["classifier_training"], pool="gpu"
)
def persistence_model(
    context: dg.AssetExecutionContext,
    synthetic_features: Files,
    persistence_filter: PersistenceFilterModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """The attention classifier: from a track's features to the probability that it is a thing.

    Used for videos where ``persistence_filter.classifier`` is ``trained``.
    """
    from videotracks.persistence.classifier.pictures import draw_training
    from videotracks.persistence.classifier.stored_experiment import train_on
    from videotracks.persistence.classifier.weights import write_classifier
    from videotracks.versions import content_version

    version = content_version(synthetic_features)
    path = outputs.draft(CLASSIFIER_FILE)
    with outputs.work_folder(None, "persistence_model") as work:
        trained = train_on(
            synthetic_features["synthetic_features"],
            settings.classifier_training,
            work,
            version,
            device=persistence_filter.device,
            progress=progress.of(context, "training", "epochs"),
        )
        write_classifier(path, trained, {"command": COMMAND, "synthetic_features": version})
    best = {name: float(trained.curve(name)[trained.best_epoch]) for name in ("loss", "accuracy", "auroc")}
    return dg.MaterializeResult(
        value=Files({CLASSIFIER_FILE: path}),
        metadata={
            **best,
            "epochs": len(trained.curves),
            "device": persistence_filter.device,
            "summary": f"validation accuracy {best['accuracy']:.3f}, AUROC {best['auroc']:.3f}",
            "curves": image(draw_training(trained)),
        },
    )


@shared_asset(
    file="persistence_evaluation.json",
    storage="files",
    group=GROUP,
    kinds={"pytorch", "scikitlearn"},
    settings=["classifier_training", "persistence_evaluation", "faithfulness"],
    pool="gpu",
)
def persistence_evaluation(
    context: dg.AssetExecutionContext,
    synthetic_features: Files,
    persistence_filter: PersistenceFilterModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """How good the classifier is: against baselines by the number of observations, calibrated or not, and whether its
    importance is faithful. ``persistence_evaluation.json``, ``.csv``, ``auroc_matched.png``, ``reliability.png``.

    Trains it several times, with other seeds, and every baseline beside it.
    """
    from videotracks.persistence.classifier.report import write_evaluation
    from videotracks.persistence.classifier.stored_experiment import judge_on
    from videotracks.versions import content_version

    with outputs.work_folder(None, "persistence_evaluation") as work:
        found = judge_on(
            synthetic_features["synthetic_features"],
            settings.classifier_training,
            settings.persistence_evaluation,
            settings.faithfulness,
            work,
            content_version(synthetic_features),
            device=persistence_filter.device,
            progress=progress.of(context, "judging", "trainings and methods"),
        )
    written = write_evaluation(outputs.draft("persistence_evaluation.json").parent, found)
    return dg.MaterializeResult(
        value=Files(written.files),
        metadata={
            "summary": written.judged.told,
            "by observations": dg.MetadataValue.md(written.table),
            "AUROC": image(written.auroc),
            "reliability": image(written.reliability),
        },
    )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            "accurate_on_classic",
            asset=persistence_evaluation,
            description="More than 95 % of the classic validation tracks are decided as they are.",
        ),
        dg.AssetCheckSpec(
            "better_than_baselines",
            asset=persistence_evaluation,
            description="Above every baseline on matched tracks, apart from the best one from five observations on.",
        ),
        dg.AssetCheckSpec(
            "importance_is_faithful",
            asset=persistence_evaluation,
            description="The importance of frames tells the truth about the decision: deletion, insertion, pointing.",
        ),
    ],
    ins={"persistence_evaluation": dg.AssetIn("persistence_evaluation")},
)
def model_quality(persistence_evaluation: Files) -> Iterator[dg.AssetCheckResult]:
    """The classifier against what is expected of it."""
    from videotracks.persistence.classifier.report import read_judged

    for verdict in read_judged(persistence_evaluation["persistence_evaluation.json"]).verdicts:
        yield dg.AssetCheckResult(
            asset_key="persistence_evaluation",
            check_name=verdict.name,
            passed=verdict.passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=verdict.told,
        )
