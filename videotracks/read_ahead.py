"""Work that is made ahead in a thread of its own: decoding while the frames before are looked at."""

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

T = TypeVar("T")


def read_ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """Yield ``items`` made in a thread of their own, at most ``depth`` ahead; its exceptions are raised here."""
    ready: queue.Queue[tuple[bool, Any]] = queue.Queue(depth)
    stopped = threading.Event()

    def fill() -> None:
        with ExitStack() as stack:
            close = getattr(items, "close", None)
            if close is not None:
                stack.callback(close)
            try:
                for item in items:
                    ready.put((True, item))
                    if stopped.is_set():
                        return
                ready.put((False, None))
            except BaseException as error:
                ready.put((False, error))

    thread = threading.Thread(target=fill, name="decode", daemon=True)
    thread.start()
    try:
        while True:
            more, item = ready.get()
            if more:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        stopped.set()
        while thread.is_alive():
            try:
                ready.get(timeout=0.05)
            except queue.Empty:
                continue
        thread.join()
