"""Names and colours of a camera's objects, kept beside its state file."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from streamer.process.files import write_atomically

log = logging.getLogger(__name__)
MAX_LOOKS = 1000  # beyond this the oldest are forgotten


@dataclass(frozen=True, slots=True)
class Look:
    """The name and colour of an object."""

    name: str | None = None
    colour: str | None = None  # #rrggbb


class Looks:
    """The looks of one camera by object id. With a state file they survive a restart, in `STATE.names.json`."""

    def __init__(self, state: Path | None = None) -> None:
        self._file = None if state is None else state.with_name(f"{state.name}.names.json")
        self._looks = {} if self._file is None else _read(self._file)

    def get(self, object_id: int) -> Look:
        return self._looks.get(object_id, NONE)

    def name_of(self, object_id: int) -> str | None:
        return self.get(object_id).name

    def set(self, object_id: int, look: Look) -> None:
        """Keep a look; a file that cannot be written is logged, and the look holds until the end of the process."""
        self._looks = {**{key: kept for key, kept in self._looks.items() if key != object_id}, object_id: look}
        for oldest in list(self._looks)[:-MAX_LOOKS]:
            del self._looks[oldest]
        self._save()

    def forget(self, object_id: int) -> None:
        """The id begins another object."""
        if object_id in self._looks:
            self._looks = {key: look for key, look in self._looks.items() if key != object_id}
            self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        try:
            write_atomically(self._file, json.dumps({key: asdict(look) for key, look in self._looks.items()}).encode())
        except OSError as error:
            log.warning("%s: names of objects cannot be kept: %s", self._file, error.strerror)


NONE = Look()


def _read(file: Path) -> dict[int, Look]:
    try:
        return {int(key): Look(**fields) for key, fields in json.loads(file.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.warning("%s: names of objects cannot be read, and begin anew: %s", file, error)
        return {}
