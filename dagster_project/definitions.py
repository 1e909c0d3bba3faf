"""The one code location: assets, checks, resources and automation, assembled."""

import json
from hashlib import sha256
from typing import Any, TypeVar

import dagster as dg

import assets
from dagster_project import automation
from dagster_project.deployment import Deployment
from resources.settings import Settings

AssetOrCheck = TypeVar("AssetOrCheck", bound=dg.AssetsDefinition)

MODELS = {
    *("detector", "reidentifier", "segmenter", "depth_estimator", "point_tracker"),
    *("persistence_filter", "language_model"),
}

#: Where weights lie says nothing about what they are.
FOLDERS = {"weights_folder", "trained_folder"}


def build_defs(
    deployment: Deployment | None = None, *, loggers: dict[str, dg.LoggerDefinition] | None = None, **overrides: Any
) -> dg.Definitions:
    """Assemble everything; ``overrides`` replace resources by name (tests, the command line)."""
    resources = {**(deployment or Deployment()).resources(), **overrides}
    return dg.Definitions(
        assets=[
            _versioned(_wired(asset, resources["settings"]), resources)
            if isinstance(asset, dg.AssetsDefinition)
            else asset
            for asset in dg.load_assets_from_package_module(assets, include_specs=True)
        ],
        asset_checks=[
            _wired(check, resources["settings"]) for check in dg.load_asset_checks_from_package_module(assets)
        ],
        resources=resources,
        jobs=[automation.everything, automation.validation],
        sensors=[automation.recordings_sensor, automation.stale_outputs],
        schedules=[automation.nightly, automation.revalidation],
        executor=dg.in_process_executor,
        loggers=loggers,
    )


def _wired(asset: AssetOrCheck, settings: Settings) -> AssetOrCheck:
    """The asset or check, reading what the settings choose where there is a choice of inputs.

    So the people do not wait for the masks unless somebody wants crops without background, nor for the persistence
    filter unless its decisions are to count.
    """
    replaced: dict[dg.AssetKey, dg.AssetKey] = {}
    if settings.similarity.background == "removed" and _about(asset) & {"person_similarity"}:
        replaced[dg.AssetKey("final_crops")] = dg.AssetKey("masked_crops")
    if settings.track_filter.enabled and _about(asset) & {"tracklet_stats", "canonical_persons"}:
        replaced[dg.AssetKey("tracklets")] = dg.AssetKey("kept_tracklets")
    return asset.with_attributes(asset_key_replacements=replaced) if replaced else asset  # type: ignore[return-value]


def _about(asset: dg.AssetsDefinition) -> set[str]:
    """The names of the assets that it makes, or that it checks."""
    return {key.to_user_string() for key in asset.keys | {check.asset_key for check in asset.check_keys}}


def _versioned(asset: dg.AssetsDefinition, resources: dict[str, Any]) -> dg.AssetsDefinition:
    """The asset, whose code version also tells the settings and the models that it reads.

    So a changed threshold or another detector makes exactly the outputs that depend on it stale.
    """
    models = sorted(MODELS & asset.required_resource_keys)

    def with_configuration(spec: dg.AssetSpec) -> dg.AssetSpec:
        read: dict[str, Any] = {name: resources[name].model_dump(mode="json", exclude=FOLDERS) for name in models}
        for section in spec.metadata.get("settings", []):
            read[section] = getattr(resources["settings"], section).model_dump(mode="json")
        if not read:
            return spec
        digest = sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:8]
        return spec.replace_attributes(code_version=f"{spec.code_version}-{digest}")

    return asset.map_asset_specs(with_configuration)


defs = build_defs()
