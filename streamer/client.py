"""The HTTP API from Python: cameras, prompts and events, and results as they come."""

from __future__ import annotations

import json
import ssl
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

import cv2
import httpx
import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from streamer.errors import CommandError, StreamerError, UsageError, WireError
from streamer.masks import Mask, decode
from streamer.types import Ack, Box
from streamer.uris import parts_of, redact

PREFIX = "/api/v1"
TIMEOUT_S = 15.0
MESSAGE_AT_MOST = 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was tracked on one picture."""

    header: Mapping[str, Any]  # index, epoch, captured_ns, wall_ns, size and more: docs/http-api.md
    masks: Mapping[int, Mask]  # H x W bool by object id; what is not seen is empty
    jpeg: bytes  # the picture, where it was asked for

    @property
    def index(self) -> int:
        return int(self.header["index"])

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Id, state, score, predicted_iou, box, area, name and colour of each."""
        return list(self.header["objects"])

    def image(self) -> NDArray[np.uint8]:
        """The picture, H x W x 3 RGB; raises WireError where none came."""
        bgr: Any = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR) if self.jpeg else None
        if bgr is None:
            raise WireError("this result has no picture; ask for results(..., pictures=True)")
        return np.ascontiguousarray(bgr[..., ::-1])


class Client:
    """`with Client("http://127.0.0.1:8080") as client:`; a `token` where the server wants one.

    Raises UsageError for what is no address. Everything raises CommandError for what the server refuses, StreamerError
    where it does not answer.
    """

    def __init__(self, url: str, *, token: str | None = None, verify: ssl.SSLContext | bool = True) -> None:
        if parts_of(url).scheme not in ("http", "https"):
            raise UsageError(f"{redact(url)!r:.200}: write http://HOST:PORT or https://HOST:PORT")
        self._url = url.rstrip("/")
        self._shown = redact(self._url)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._verify = verify
        self._http = httpx.Client(headers=self._headers, timeout=TIMEOUT_S, verify=verify)

    def cameras(self) -> list[dict[str, Any]]:
        """All cameras as they are now."""
        return list(self._ask("GET", "/cameras")["cameras"])

    def camera(self, name: str) -> dict[str, Any]:
        return self._ask("GET", _path(name))

    def add_camera(self, name: str, uri: str, **settings: Any) -> dict[str, Any]:
        """`settings` are those of the API: zones, find, max_fps, priority, tracking."""
        return self._ask("POST", "/cameras", {"name": name, "source": {"uri": uri}, **settings})

    def change_camera(self, name: str, uri: str, **settings: Any) -> dict[str, Any]:
        """It goes on as it was where this is refused."""
        return self._ask("PUT", _path(name), {"source": {"uri": uri}, **settings})

    def remove_camera(self, name: str) -> None:
        self._ask("DELETE", _path(name))

    def pause(self, camera: str) -> Ack:
        return _ack(self._ask("POST", _path(camera) + "/pause"))

    def resume(self, camera: str) -> Ack:
        return _ack(self._ask("POST", _path(camera) + "/resume"))

    def prompt(
        self,
        camera: str,
        *,
        object_id: int | None = None,
        points: Sequence[tuple[float, float]] = (),
        labels: Sequence[int] | None = None,
        box: Box | None = None,
        mode: Literal["refine", "replace"] = "refine",
    ) -> int:
        """Point at an object, in pixels of the picture; no id: a new one. Returns its id when it is tracked."""
        body = {"points": list(points), "labels": [1] * len(points) if labels is None else list(labels), "mode": mode}
        more = {"object_id": object_id, "box": box}
        body |= {key: value for key, value in more.items() if value is not None}
        return int(self._ask("POST", _path(camera) + "/prompts", body)["object_id"])

    def undo(self, camera: str, object_id: int) -> Ack:
        """Take its last prompt back."""
        return _ack(self._ask("POST", f"{_path(camera)}/objects/{object_id}/undo"))

    def objects(self, camera: str) -> list[dict[str, Any]]:
        return list(self._ask("GET", _path(camera) + "/objects")["objects"])

    def name_object(self, camera: str, object_id: int, name: str | None, colour: str | None = None) -> dict[str, Any]:
        """`colour` is #rrggbb."""
        return self._ask("PATCH", f"{_path(camera)}/objects/{object_id}", {"name": name, "colour": colour})

    def remove_object(self, camera: str, object_id: int) -> None:
        self._ask("DELETE", f"{_path(camera)}/objects/{object_id}")

    def snapshot(self, camera: str, *, overlay: bool = False) -> bytes:
        """The newest picture as JPEG."""
        return self._get(f"{_path(camera)}/snapshot.jpg?overlay={str(overlay).lower()}")

    def mask_png(self, camera: str, object_id: int) -> bytes:
        """Where an object is in the newest picture."""
        return self._get(f"{_path(camera)}/objects/{object_id}/mask.png")

    def events(self, camera: str | None = None, *, before: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """What happened, the newest first."""
        query = {key: value for key, value in {"camera": camera, "before": before, "limit": limit}.items() if value}
        return list(self._ask("GET", f"/events?{urlencode(query)}")["events"])

    def event_file(self, event_id: int, name: Literal["snapshot.jpg", "mask.png", "clip.mp4"]) -> bytes:
        return self._get(f"/events/{event_id}/{name}")

    def results(self, camera: str, *, pictures: bool = False, width: int | None = None) -> Iterator[Result]:
        """The newest result each time, for as long as the camera is there; a reader that is slow misses some."""
        query = urlencode({"pictures": "jpeg" if pictures else "none"} | ({"width": width} if width else {}))
        url = f"{self._url.replace('http', 'ws', 1)}{PREFIX}{_path(camera)}/results?{query}"
        tls = self._verify if isinstance(self._verify, ssl.SSLContext) and url.startswith("wss") else None
        try:
            with connect(url, additional_headers=self._headers, ssl=tls, max_size=MESSAGE_AT_MOST) as socket:
                for message in socket:
                    if isinstance(message, bytes):
                        result = unpack(message)
                        yield result
                        socket.send(json.dumps({"seen": result.header["sequence"]}))
        except ConnectionClosed as closed:
            why = closed.rcvd.reason if closed.rcvd is not None else "the connection broke; is the server still there?"
            raise StreamerError(f"{self._shown}: {why or closed}") from None
        except (OSError, InvalidHandshake) as error:
            raise StreamerError(f"{self._shown}: no results of camera {camera!r}: {error}") from error

    def wait_for(self, camera: str, object_id: int, *, timeout_s: float = TIMEOUT_S) -> Result:
        """The first result with an object in it; raises StreamerError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        for result in self.results(camera):
            if object_id in result.masks:
                return result
            if time.monotonic() > deadline:
                break
        raise StreamerError(f"{self._shown}: camera {camera!r}: object {object_id} was not seen within {timeout_s:g} s")

    def metrics(self) -> str:
        """In Prometheus' text format."""
        return self._answered("GET", f"{self._url}/metrics").text

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self._answered(method, self._url + PREFIX + path, body)
        return answer.json() if answer.content else {}

    def _get(self, path: str) -> bytes:
        return self._answered("GET", self._url + PREFIX + path).content

    def _answered(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            answer = self._http.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise StreamerError(f"{self._shown}: no answer ({error}); is `streamer serve` running there?") from error
        if answer.is_error:
            raise CommandError(_why(answer))
        return answer


def unpack(message: bytes) -> Result:
    """A result of the bytes of a WebSocket message; raises WireError."""
    try:
        (length,) = struct.unpack_from("<I", message)
        header = json.loads(message[4 : 4 + length])
        blobs = memoryview(message)[4 + length :]
        width, height = header["size"]
        masks = {}
        for entry in header["objects"]:
            box, (at, size) = entry["box"], entry["at"]
            masks[entry["id"]] = decode(bytes(blobs[at : at + size]), box and tuple(box), "rle", (width, height))
        at, size = header["picture"]["at"] if "picture" in header else (0, 0)
    except (struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise WireError(f"{len(message)} bytes are no result: {error}") from error
    return Result(header, masks, bytes(blobs[at : at + size]))


def _path(camera: str) -> str:
    return f"/cameras/{quote(camera, safe='')}"


def _ack(fields: Mapping[str, Any]) -> Ack:
    return Ack(index=fields["index"], epoch=fields["epoch"])


def _why(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code}"
