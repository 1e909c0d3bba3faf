"""How every asset is declared: partition, storage, cost, data version, automation.

Belongs here: what all assets share. Does not belong here: anything about one branch.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import dagster as dg

from videotracks.cost import Cost, measured
from videotracks.versions import content_version

videos = dg.DynamicPartitionsDefinition(name="videos")

Storage = Literal["npz", "hdf5", "json", "files"]

_something_changed = (
    dg.AutomationCondition.missing().newly_true()
    | dg.AutomationCondition.code_version_changed()
    | dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.data_version_changed() | dg.AutomationCondition.will_be_requested()
    )
).since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated())

# `all_deps_blocking_checks_passed()` would wait for checks to be requested, and checks are not requested by
# themselves: a new video would need a run per check. Within one run, a failed check stops what follows anyway.
_inputs_checked = dg.AutomationCondition.all_deps_match(
    dg.AutomationCondition.all_checks_match(dg.AutomationCondition.check_passed(), blocking_only=True)
    | dg.AutomationCondition.will_be_requested()
).with_label("blocking checks of all inputs passed, or run with them")

#: Made again when an input's data, the code or a setting changed, or when it is missing; not when an
#: input was merely materialised again with the same result. Waits for its inputs and their blocking checks.
when_stale = (
    _something_changed
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
    & _inputs_checked
).with_label("when stale")


class Stored(NamedTuple):
    """One output of a video: the file it is stored as, by which IO manager, and what it is."""

    file: str
    storage: Storage
    kinds: set[str]
    description: str | None = None


def video_asset(
    *,
    file: str,
    storage: Storage,
    group: str,
    kinds: Iterable[str] = (),
    settings: Sequence[str] = (),
    deps: Sequence[str] = (),
    code_version: str = "1",
    pool: str | None = None,
    automation_condition: dg.AutomationCondition = when_stale,
) -> Callable[[Callable[..., dg.MaterializeResult]], dg.AssetsDefinition]:
    """Declare one asset keyed by video.

    ``settings`` names the sections of the settings that the asset reads: they become part of its code
    version, so that a changed threshold makes it stale.
    """

    return _declared(
        file, storage, group, kinds, settings, deps, code_version, pool,
        partitions_def=videos, automation_condition=automation_condition,
    )  # fmt: skip


def shared_asset(
    *,
    file: str,
    storage: Storage,
    group: str,
    kinds: Iterable[str] = (),
    settings: Sequence[str] = (),
    deps: Sequence[str] = (),
    code_version: str = "1",
    pool: str | None = None,
) -> Callable[[Callable[..., dg.MaterializeResult]], dg.AssetsDefinition]:
    """Declare one asset that belongs to no video; it is made when somebody asks for it, never by itself."""

    return _declared(file, storage, group, kinds, settings, deps, code_version, pool)


def _declared(
    file: str,
    storage: Storage,
    group: str,
    kinds: Iterable[str],
    settings: Sequence[str],
    deps: Sequence[str],
    code_version: str,
    pool: str | None,
    **of_videos: Any,
) -> Callable[[Callable[..., dg.MaterializeResult]], dg.AssetsDefinition]:
    """What all assets that are made one by one state alike; ``of_videos`` is what those of videos add."""

    def declare(function: Callable[..., dg.MaterializeResult]) -> dg.AssetsDefinition:
        return dg.asset(
            group_name=group,
            owners=[f"team:{group}"],
            kinds={"python", storage, *kinds},
            io_manager_key=f"{storage}_io",
            metadata={"file": file, "settings": list(settings)},
            deps=list(deps),
            code_version=code_version,
            pool=pool,
            **of_videos,
        )(_measured(function))

    return declare


def video_assets(
    *,
    outputs: dict[str, Stored],
    group: str,
    settings: Sequence[str] = (),
    code_version: str = "1",
    pool: str | None = None,
) -> Callable[[Callable[..., tuple[dg.MaterializeResult, ...]]], dg.AssetsDefinition]:
    """Declare several assets that one function makes in one go; it returns a ``MaterializeResult`` for each."""

    def declare(function: Callable[..., tuple[dg.MaterializeResult, ...]]) -> dg.AssetsDefinition:
        results = inspect.signature(function, eval_str=True).return_annotation.__args__
        outs = {
            name: dg.AssetOut(
                dagster_type=result.__args__[0],
                description=stored.description,
                group_name=group,
                owners=[f"team:{group}"],
                kinds={"python", stored.storage, *stored.kinds},
                io_manager_key=f"{stored.storage}_io",
                metadata={"file": stored.file, "settings": list(settings)},
                code_version=code_version,
                automation_condition=when_stale,
            )
            for (name, stored), result in zip(outputs.items(), results, strict=True)
        }
        made = _measured(function)
        made.__annotations__ = {k: v for k, v in function.__annotations__.items() if k != "return"}
        return dg.multi_asset(name=function.__name__, outs=outs, partitions_def=videos, pool=pool)(made)

    return declare


def _measured(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose results also carry what they cost and a data version made from their content."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with measured() as cost:
            made = function(*args, **kwargs)
        if isinstance(made, dg.MaterializeResult):
            return _finished(made, cost)
        return tuple(_finished(result, cost) for result in made)

    return run


def _finished(result: dg.MaterializeResult, cost: Cost) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        asset_key=result.asset_key,
        value=result.value,
        metadata={**(result.metadata or {}), **_cost_metadata(cost, result.metadata or {})},
        tags=result.tags,
        data_version=result.data_version or dg.DataVersion(content_version(result.value)),
    )


WALL_S = "cost/wall_s"


def _cost_metadata(cost: Cost, about: Mapping[str, Any]) -> dict[str, Any]:
    """What a materialisation cost, as numbers that the UI plots over the videos."""
    used = {name: value for name, value in dataclasses.asdict(cost).items() if value is not None}
    numbers = {f"cost/{name}": round(v, 4) if isinstance(v, float) else v for name, v in used.items()}
    frames = about.get("frames")
    if isinstance(frames, int) and cost.wall_s > 0:
        numbers["cost/frames_per_s"] = round(frames / cost.wall_s, 2)
    return numbers


def wall_seconds(instance: dg.DagsterInstance, video: str, assets: Iterable[str]) -> dict[str, float]:
    """Wall seconds of the latest materialisation of each asset of a video, where there is one."""
    seconds = {}
    for asset in assets:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[video]), limit=1
        ).records
        made = records[0].asset_materialization if records else None
        cost = made.metadata.get(WALL_S) if made else None
        if cost is not None and isinstance(cost.value, float | int):
            seconds[asset] = float(cost.value)
    return seconds
