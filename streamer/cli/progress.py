"""How far a command is: a bar on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tqdm import tqdm

log = logging.getLogger(__name__)
LOG_EVERY_S = 5.0


class Progress:
    """Counts frames; the rate and the time left are those since the first."""

    def __init__(
        self, *, terminal: bool | None = None, clock: Callable[[], float] = time.monotonic, every_s: float = LOG_EVERY_S
    ) -> None:
        shown = sys.stderr.isatty() if terminal is None else terminal
        self._bar: Any = tqdm(unit="frame") if shown else None
        self._clock, self._every_s = clock, every_s
        self._total, self._done, self._label = 0, 0, ""
        self._began_s = self._logged_s = clock()

    def begin(self, total: int, label: str) -> None:
        """Count from 0 to `total`."""
        self._total, self._done, self._label = total, 0, label
        self._began_s = self._logged_s = self._clock()
        if self._bar is not None:
            self._bar.set_description(label)
            self._bar.reset(total)

    def update(self) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.update()
        elif (now_s := self._clock()) - self._logged_s >= self._every_s:
            self._logged_s = now_s
            fps = self._done / (now_s - self._began_s)
            left_s = (self._total - self._done) / fps
            log.info("%s: %d of %d frames, %.1f fps, %.0f s left", self._label, self._done, self._total, fps, left_s)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
