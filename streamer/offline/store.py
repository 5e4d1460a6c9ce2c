"""The tracks of a recording so far, on disk: committed tracks survive a crash."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from streamer.errors import SinkError
from streamer.masks import decode, encode
from streamer.types import Track

Direction = Literal["forwards", "backwards"]
FORMAT = 1  # raise it when the tables change
TABLES = """
create table if not exists about (name text primary key, value text not null);
create table if not exists prompts (
    object integer, frame integer, prompt text not null, since integer, primary key (object, frame)
);
create table if not exists tracks (
    frame integer, object integer, box text, score real, predicted_iou real, state text, rle blob,
    primary key (frame, object)
) without rowid;
create table if not exists kept (
    object integer, direction text, frame integer, data blob not null, primary key (object, direction, frame)
) without rowid;
"""


class Store:
    """One SQLite file. Nothing is stored before `commit`."""

    def __init__(self, path: Path) -> None:
        """Raises SinkError where it cannot be opened, or is another kind of file."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path)
            self._db.executescript(TABLES)
        except (OSError, sqlite3.Error) as error:
            raise SinkError(f"{path}: cannot be used: {error}") from error

    def close(self) -> None:
        self._db.close()

    def commit(self) -> None:
        try:
            self._db.commit()
        except sqlite3.Error as error:
            raise SinkError(f"{self.path}: cannot be written: {error}; what was written before is safe") from error

    def bind(self, about: Mapping[str, Any]) -> None:
        """Bind the store to one recording and model; raises SinkError naming what differs where it is of another."""
        now = {name: json.dumps(value) for name, value in {**about, "format": FORMAT}.items()}
        before = dict(self._db.execute("select name, value from about").fetchall())
        for name, value in now.items():
            if before and before.get(name) != value:
                raise SinkError(
                    f"{self.path}: is of {name} {before.get(name)}, not {value}; give another --out, or remove it"
                )
        self._db.executemany("insert or replace into about values (?, ?)", now.items())

    def about(self) -> dict[str, Any]:
        """What the store is bound to; empty before `bind`."""
        return {name: json.loads(value) for name, value in self._db.execute("select name, value from about")}

    def prompts(self) -> dict[int, dict[int, str]]:
        """Each prompt's text, by object and frame."""
        found: dict[int, dict[int, str]] = {}
        for number, frame, text in self._db.execute("select object, frame, prompt from prompts order by frame"):
            found.setdefault(number, {})[frame] = text
        return found

    def since(self, number: int) -> dict[int, int]:
        """The first frame that knows of each prompt of an object; -1 for a prompt of the first run."""
        return dict(self._db.execute("select frame, since from prompts where object = ?", (number,)).fetchall())

    def set_prompts(self, number: int, prompts: Mapping[int, str], since: Mapping[int, int]) -> None:
        """Replace an object's prompts; `since` is the first frame that knows of each."""
        self._db.execute("delete from prompts where object = ?", (number,))
        rows = [(number, frame, text, since[frame]) for frame, text in prompts.items()]
        self._db.executemany("insert into prompts values (?, ?, ?, ?)", rows)

    def put(self, frame: int, tracks: Sequence[Track], *, again: bool = False) -> None:
        """Add what was found on a frame; what is there already stays, unless it was found `again`."""
        rows = [
            (frame, t.object_id, json.dumps(t.box), t.score, t.predicted_iou, t.state, encode(t.mask, t.box, "rle"))
            for t in tracks
        ]
        verb = "replace" if again else "ignore"
        self._db.executemany(f"insert or {verb} into tracks values (?, ?, ?, ?, ?, ?, ?)", rows)

    def tracks(self, frame: int, size_wh: tuple[int, int]) -> tuple[Track, ...]:
        """What was found on a frame, by id."""
        rows = self._db.execute("select * from tracks where frame = ? order by object", (frame,))
        return tuple(self._track(row, size_wh) for row in rows)

    def _track(self, row: tuple[Any, ...], size_wh: tuple[int, int]) -> Track:
        _, number, box_text, score, predicted_iou, state, rle = row
        box = None if (found := json.loads(box_text)) is None else tuple(found)
        return Track(number, decode(rle, box, "rle", size_wh), box, score, predicted_iou, state)

    def save_checkpoint(self, number: int, direction: Direction, frame: int, data: bytes) -> None:
        """What the tracker knew of an object before it saw this frame."""
        self._db.execute("insert or replace into kept values (?, ?, ?, ?)", (number, direction, frame, data))

    def latest(self, number: int, direction: Direction) -> tuple[int, bytes] | None:
        """An object's farthest checkpoint: the frame, and what was known of the object before it."""
        order = "desc" if direction == "forwards" else "asc"
        row: tuple[int, bytes] | None = self._db.execute(
            f"select frame, data from kept where object = ? and direction = ? order by frame {order} limit 1",
            (number, direction),
        ).fetchone()
        return row

    def checkpoint(self, number: int, direction: Direction, frame: int) -> bytes | None:
        row = self._db.execute(
            "select data from kept where object = ? and direction = ? and frame = ?", (number, direction, frame)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def forget(self, number: int, after: int | None = None) -> None:
        """Forget an object; or only what was found from frame `after` on, and the checkpoints behind it."""
        if after is None:
            self._db.execute("delete from tracks where object = ?", (number,))
            self._db.execute("delete from kept where object = ?", (number,))
            return
        self._db.execute("delete from tracks where object = ? and frame >= ?", (number, after))
        self._db.execute("delete from kept where object = ? and direction = 'forwards' and frame > ?", (number, after))
