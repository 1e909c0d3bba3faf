"""The one code location: assets, checks, resources and automation, assembled."""

import json
from hashlib import sha256
from typing import Any

import dagster as dg

import assets
from dagster_project import automation
from dagster_project.deployment import Deployment
from resources.settings import Settings

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
        asset_checks=dg.load_asset_checks_from_package_module(assets),
        resources=resources,
        jobs=[automation.everything, automation.validation],
        sensors=[automation.recordings_sensor, automation.stale_outputs],
        schedules=[automation.nightly, automation.revalidation],
        executor=dg.in_process_executor,
        loggers=loggers,
    )


def _wired(asset: dg.AssetsDefinition, settings: Settings) -> dg.AssetsDefinition:
    """The asset, reading what the settings choose where there is a choice of inputs.

    So the people do not wait for the masks unless somebody wants crops without background.
    """
    compares = dg.AssetKey("person_similarity") in asset.keys
    if compares and settings.similarity.background == "removed":
        return asset.with_attributes(asset_key_replacements={dg.AssetKey("final_crops"): dg.AssetKey("masked_crops")})
    return asset


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
