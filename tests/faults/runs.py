"""`streamer run` on a source, with its JSON lines and its log read as they come."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

from tests.process.processes import streamer

BOX = ("--box", "1:40,60,140,180")


class Run:
    """With the model `still`, unless a test is about a step or the weights: it starts in under a second."""

    def __init__(
        self, folder: Path, source: str, *options: str, model: str = "still", env: dict[str, str] | None = None
    ) -> None:
        self.file = folder / "run.jsonl"
        words = ("--source", source, "--model", model, *BOX, "--sink", str(self.file), *options, "--json")
        self.process = streamer("run", *words, env=env)
        self._said: list[str] = []
        self._log = threading.Thread(target=self._listen, daemon=True)
        self._log.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.append(line)

    def said(self) -> str:
        """Its log up to now."""
        return "".join(self._said)

    def lines(self) -> list[dict]:
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_text().splitlines() if line.endswith("}")]

    def events(self) -> list[tuple[str, str]]:
        """What happened to the source."""
        return [(line["event"], line["cause"]) for line in self.lines() if "cause" in line]

    def frames(self) -> list[dict]:
        return [line for line in self.lines() if "objects" in line]

    def wait(self, condition, seconds: float = 60.0) -> float:
        """Seconds until the condition held."""
        began = time.monotonic()
        while not condition():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() - began < seconds, (self.events(), len(self.frames()), self.said())
            time.sleep(0.05)
        return time.monotonic() - began

    def wait_for_frames(self, more: int = 3) -> float:
        wanted = len(self.frames()) + more
        return self.wait(lambda: len(self.frames()) >= wanted)

    def ended(self, timeout: float) -> str:
        """What it printed, when it has ended."""
        self.process.wait(timeout)
        self._log.join()
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def stop(self) -> dict:
        """The summary after a SIGTERM, which must end it soon whatever it waits for."""
        self.process.send_signal(signal.SIGTERM)
        out = self.ended(timeout=3.5)
        assert self.process.returncode == 0, self.said()
        assert "Traceback" not in self.said()
        return json.loads(out)
