"""How assets tell of their progress: in the run's log, or wherever the command line draws it."""

import time

import dagster as dg

from videotracks.progress import Progress

SECONDS_BETWEEN_LINES = 10.0


class ProgressLog(dg.ConfigurableResource):
    """Progress as lines in the run's log, at most one in ten seconds, with rate and forecast."""

    def say(self, context: dg.AssetExecutionContext, text: str) -> None:
        """Tell something once, a forecast say."""
        context.log.info(text)

    def of(self, context: dg.AssetExecutionContext, stage: str, unit: str = "frames") -> Progress:
        """A progress callback for one stage of the asset that runs."""
        begun = time.monotonic()
        last = begun

        def tell(done: int, total: int | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < SECONDS_BETWEEN_LINES:
                return
            last = now
            rate = done / (now - begun)
            if total:
                left = (total - done) / rate if rate else float("inf")
                context.log.info(f"{stage}: {done} of {total} {unit}, {rate:.1f} {unit}/s, {left:.0f} s left")
            else:
                context.log.info(f"{stage}: {done} {unit}, {rate:.1f} {unit}/s")

        return tell
