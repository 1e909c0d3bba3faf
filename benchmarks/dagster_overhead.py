"""What Dagster costs: the graph in process beside the same functions called by hand, and the import of the definitions.

By hand means: the functions of all assets and checks in their order, values passed on in memory, outputs written by the
same code. What the graph adds is Dagster's events and contexts, the reading of inputs, data versions and costs.

    python -m benchmarks.dagster_overhead [--frames 2000] [--rounds 3] [--weights yolox_nano_416x416.onnx]

With ``--weights`` the whole graph with that YOLOX detector; without, the light extreme: public detections, and no
annotated video.
"""

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np

from assets.video_asset import videos
from benchmarks.people_chain import VIDEO, write_clip
from dagster_project.definitions import build_defs
from dagster_project.deployment import Deployment
from resources.outputs import Outputs

#: A short clip on which everything is imported, compiled and loaded before the clock runs.
WARM, WARM_FRAMES = "warm", 60
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
IMPORTS = {"dagster": "import dagster", "definitions": "import dagster_project.definitions"}


def in_process(defs: dg.Definitions, selection: list[dg.AssetKey], instance: dg.DagsterInstance, video: str) -> None:
    """The selected assets and all their checks, as the command line runs them."""
    defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, partition_key=video, asset_selection=selection, run_config=QUIET
    )


def by_hand(defs: dg.Definitions, selection: list[dg.AssetKey], instance: dg.DagsterInstance, video: str) -> None:
    """The same functions, one after the other, without a run."""
    resources: dict[str, Any] = dict(defs.resources or {})
    outputs: Outputs = resources["outputs"]
    managers = {name: r.create_io_manager(None) for name, r in resources.items() if name.endswith("_io")}
    context = SimpleNamespace(partition_key=video, instance=instance, log=SimpleNamespace(info=lambda _: None))
    values: dict[str, Any] = {}

    def call(definition: dg.AssetsDefinition) -> Any:
        context.assets_def, context.asset_key = definition, next(iter(definition.keys), None)
        function = definition.op.compute_fn.decorated_fn
        function = getattr(function, "__wrapped__", function)  # without what measures and versions
        known = {"context": context, **resources, **values}
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        return function(**{name: known[name] for name in names})

    for asset in in_order(defs, set(selection)):
        made = call(asset)
        results = (made,) if isinstance(made, dg.MaterializeResult) else made
        for spec, result in zip(asset.specs, results, strict=True):
            key = result.asset_key or spec.key
            values[key.to_user_string()] = result.value
    for check in defs.asset_checks or []:
        if all(key in selection for key in check.keys_by_input_name.values()):
            call(check)
    for asset in in_order(defs, set(selection)):
        for spec in asset.specs:
            manager = managers[asset.get_io_manager_key_for_asset_key(spec.key)]
            manager.write(values[spec.key.to_user_string()], outputs.path(video, spec.metadata["file"]))
    outputs.discard_drafts()


def in_order(defs: dg.Definitions, selection: set[dg.AssetKey]) -> Iterator[dg.AssetsDefinition]:
    """The selected assets, each after what it reads."""
    waiting = [a for a in defs.assets or [] if isinstance(a, dg.AssetsDefinition) and a.keys <= selection]
    done: set[dg.AssetKey] = set()
    while waiting:
        ready = next(a for a in waiting if {d.asset_key for spec in a.specs for d in spec.deps} <= done)
        waiting.remove(ready)
        done |= ready.keys
        yield ready


def timed(work: Callable[[], object]) -> float:
    """Wall seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def import_seconds(rounds: int) -> dict[str, float]:
    """Seconds to import each in a fresh process, its start left out; medians, measured in turn."""
    code = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    found: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(rounds):
        for name, statement in IMPORTS.items():
            command = [sys.executable, "-W", "ignore", "-c", code.format(statement)]
            found[name].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    """Measure both side by side and print them with their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weights", type=Path, help="a YOLOX detector, ONNX; default: public detections")
    options = parser.parse_args()
    if options.weights:
        weights = options.weights.resolve()
        model = {"weights": weights, "detector": {"kind": "yolox", "weights": weights.name}}
        model["weights"] = weights.parent
    else:
        model = {"detector": {"kind": "public"}}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for video, frames in ((WARM, WARM_FRAMES), (VIDEO, options.frames)):
            write_clip(data / "videos" / video, frames, np.random.default_rng(0))
        defs = build_defs(Deployment(data=data, **model))
        left_out = set() if options.weights else {"annotated_video"}
        selection = [key for key in defs.resolve_all_asset_keys() if key.to_user_string() not in left_out]
        instance = dg.DagsterInstance.ephemeral()
        instance.add_dynamic_partitions(str(videos.name), [WARM, VIDEO])
        seconds: dict[str, list[float]] = {"by hand": [], "graph": []}
        for video in [WARM, *[VIDEO] * options.rounds]:
            for name, run in (("by hand", by_hand), ("graph", in_process)):
                taken = timed(functools.partial(run, defs, selection, instance, video))
                if video == VIDEO:
                    seconds[name].append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    imports = import_seconds(7)
    detector = options.weights.name if options.weights else "public detections"
    print(f"{len(selection)} assets, {options.frames} frames, {detector}; {options.rounds} rounds")
    for name, values in seconds.items():
        print(f"{name:<20}{medians[name]:8.2f} s   (from {min(values):.2f} to {max(values):.2f})")
    for name, value in imports.items():
        print(f"import {name:<13}{value:8.2f} s")
    print(f"{'ratio':<28}{'reached':>8}   goal")
    print(f"{'graph / by hand':<28}{medians['graph'] / medians['by hand']:8.3f}   1.15")
    print(f"{'definitions / dagster':<28}{imports['definitions'] / imports['dagster']:8.3f}   2")


if __name__ == "__main__":
    main()
