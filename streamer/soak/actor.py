"""A user of one camera who does anything at random, over HTTP and over ZeroMQ, and checks every answer."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

import httpx

from streamer.bus.command_client import CommandClient
from streamer.errors import CommandError, StreamerError
from streamer.types import Command, Find, Pause, Prompt, Remove, Reset, Resume, Undo

TIMEOUT_S = 25.0  # above the server's own limit of 10 s for a frame
ZMQ_TIMEOUT_S = 2.0
ALLOWED = {200, 201, 204, 400, 404, 405, 409, 413, 415, 422, 429, 503, 504}
HIGHEST_ID = 500  # of the ids that the actor chooses itself
JUNK: tuple[Any, ...] = (None, [], {}, "x", {"box": [1, 2, 3]}, {"points": [[1e9, 1]], "labels": [1]}, {"mode": 7})
TRACKING: tuple[dict[str, Any], ...] = ({"lost_after": 10}, {"max_objects": 4}, {})


class Log(Protocol):
    """Where an actor counts."""

    commands: Counter[str]
    answers: Counter[str]

    def found(self, finding: str) -> None: ...


class Actor:
    """`with actor:`, then `act()` as often as wanted, in one thread."""

    def __init__(self, name: str, endpoint: str, url: str, log: Log, rng: random.Random) -> None:
        self.name = name
        self.begun: set[int] = set()  # objects of this camera whose first prompt was acknowledged
        self._used: set[int] = set()  # ids of the present tracker
        self._endpoint, self._log, self._rng = endpoint, log, rng
        self._http = httpx.Client(base_url=f"{url}/api/v1/", timeout=TIMEOUT_S)
        self._bus: CommandClient | None = None
        self._path = f"cameras/{name}"
        self._extra = f"{name}-2"

    def __enter__(self) -> Self:
        self._bus = CommandClient(self._endpoint, timeout_s=ZMQ_TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        if self._bus is not None:
            self._bus.close()

    def act(self) -> None:
        """One command."""
        acts: dict[Callable[[], None], int] = {
            self._prompt: 30,
            self._prompt_over_bus: 20,
            self._object: 15,
            self._commands_over_bus: 10,
            self._switch: 8,
            self._look_around: 10,
            self._junk: 4,
            self._patch: 3,
            self._put_back: 2,
            self._other_camera: 2,
        }
        (act,) = self._rng.choices(list(acts), list(acts.values()))
        self._log.commands[act.__name__.strip("_")] += 1
        act()

    def _ask(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """The answer's fields where it succeeds, else None; every answer is checked."""
        if body is not None:
            options["json"] = body
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            self._log.found(f"{method} {path}: no answer: {error!r}")
            return None
        self._log.answers[str(answer.status_code)] += 1
        where = f"{method} {path} {str(body)[:200]}: {answer.status_code} {answer.text[:200]!r}"
        if answer.status_code not in ALLOWED:
            self._log.found(where)
            return None
        if answer.is_success and "json" not in answer.headers.get("content-type", ""):
            return {}
        try:
            fields = json.loads(answer.content, parse_constant=_refuse)
        except ValueError:
            self._log.found(f"{where}: not JSON")
            return None
        if answer.is_error and not _is_a_line(fields):
            self._log.found(f"{where}: no line that says why")
        return fields if answer.is_success else None

    def _body(self) -> dict[str, Any]:
        """A prompt, as a rule a good one."""
        x, y = self._rng.uniform(0, 300), self._rng.uniform(0, 220)
        body: dict[str, Any] = {"mode": self._rng.choice(["refine", "refine", "replace"])}
        if self._rng.random() < 0.4:
            body["box"] = [x, y, x + self._rng.uniform(2, 90), y + self._rng.uniform(2, 90)]
        else:
            body |= {"points": [[x, y]], "labels": [self._rng.choice([1, 1, 1, 0])]}
        if self._rng.random() < 0.4:
            body["object_id"] = self._some_id()
        return body

    def _some_id(self) -> int:
        if self._used and self._rng.random() < 0.8:
            return self._rng.choice(sorted(self._used))
        return self._rng.randint(1, HIGHEST_ID)

    def _began(self, given: int | None, object_id: int) -> None:
        """An object's prompt took effect; `given` is the id that the prompt named."""
        if given is None and object_id in self._used:
            self._log.found(f"camera {self.name}: id {object_id} was given twice")
        self._used.add(object_id)
        self.begun.add(object_id)

    def _prompt(self) -> None:
        body = self._body()
        if (fields := self._ask("POST", f"{self._path}/prompts", body)) is not None:
            self._began(body.get("object_id"), fields["object_id"])

    def _prompt_over_bus(self) -> None:
        body = self._body()
        points, labels = tuple(map(tuple, body.get("points", ()))), tuple(body.get("labels", ()))
        prompts = [Prompt(body.get("object_id"), points, labels, body.get("box"), mode=body["mode"])]
        if self._rng.random() < 0.3:
            prompts.append(Prompt(box=(10, 10, 40, 40)))
        for prompt, object_id in zip(prompts, self._send(*prompts), strict=False):
            self._began(prompt.object_id, object_id)

    def _commands_over_bus(self) -> None:
        choices: list[Command] = [Remove(self._some_id()), Undo(self._some_id()), Find(), Pause(), Resume(), Resume()]
        if self._rng.random() < 0.2:
            choices.append(Reset())
        self._send(*self._rng.sample(choices, self._rng.randint(1, 2)))

    def _send(self, *commands: Command) -> tuple[int, ...]:
        """The ids of an acknowledgement; none where the commands were rejected, or the camera is away."""
        assert self._bus is not None
        try:
            ids = self._bus.send(*commands).object_ids
        except CommandError:
            self._log.answers["zmq rejected"] += 1
            return ()
        except StreamerError:
            self._log.answers["zmq no answer"] += 1
            return ()
        self._log.answers["zmq acknowledged"] += 1
        return ids

    def _object(self) -> None:
        place = f"{self._path}/objects/{self._some_id()}"
        method, path, body = self._rng.choice(
            [
                ("DELETE", place, None),
                ("POST", f"{place}/undo", None),
                ("PATCH", place, {"name": self._rng.choice(["the ball", None, "ä" * 64]), "colour": "#00ff7f"}),
                ("GET", f"{place}/mask.png", None),
                ("GET", f"{self._path}/objects", None),
                ("PUT", f"{place}/mask.png", None),
            ]
        )
        self._ask(method, path, body)

    def _switch(self) -> None:
        self._ask("POST", f"{self._path}/{self._rng.choice(['pause', 'resume', 'resume', 'find'])}")

    def _look_around(self) -> None:
        paths = ["cameras", "events?limit=20", "stats", self._path, f"{self._path}/snapshot.jpg?overlay=1", "ready"]
        self._ask("GET", self._rng.choice(paths))

    def _junk(self) -> None:
        path = self._rng.choice(["prompts", "objects/0", "pause", "nothing", "objects/99999999999999999999", "../.."])
        self._ask(self._rng.choice(["POST", "PUT", "PATCH", "DELETE"]), f"{self._path}/{path}", self._rng.choice(JUNK))

    def _patch(self) -> None:
        change: Mapping[str, Any] = self._rng.choice(
            [
                {"max_fps": self._rng.choice([None, 1, 5, 100])},
                {"priority": self._rng.uniform(0.1, 10)},
                {"zones": [{"name": "all", "points": [[0, 0], [1, 0], [1, 1], [0, 1]], "dwell_s": 1}]},
                {"find": self._rng.choice([None, {"method": "motion", "every_s": 0.5}])},
                {"tracking": self._rng.choice(TRACKING)},
            ]
        )
        if self._ask("PATCH", self._path, change) is not None and "tracking" in change:
            self._used.clear()  # perhaps a new tracker

    def _put_back(self) -> None:
        """A camera's settings, as they were read, or with a source that cannot be opened."""
        if (fields := self._ask("GET", self._path)) is None:
            return
        settings = fields["settings"]
        if self._rng.random() < 0.4:
            settings["source"] |= {"uri": "http://127.0.0.1:9/none", "reconnect": "never"}
        self._ask("PUT", self._path, settings)

    def _other_camera(self) -> None:
        """A second camera comes, is used, and goes."""
        uri = self._rng.choice(
            ["scene:?realtime&frames=0&size=64x64&fps=5", "scene:?fps=inf", "/etc/passwd", "scene:?frames=3"]
        )
        self._ask("POST", "cameras", {"name": self._extra, "source": {"uri": uri}})
        self._ask("POST", f"cameras/{self._extra}/prompts", {"box": [1, 1, 20, 20]})
        self._ask("DELETE", f"cameras/{self._extra}")


def _is_a_line(fields: Any) -> bool:
    line = fields.get("error", fields.get("status")) if isinstance(fields, dict) else None
    return isinstance(line, str) and bool(line) and "\n" not in line


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
