"""The HTTP API from Python: cameras, prompts, events, and the stream of results."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

from streamer.client.results import Latest, Result, unpack
from streamer.errors import CommandError, StreamerError, UsageError
from streamer.types import Ack, Box
from streamer.uris import parts_of, redact

PREFIX = "/api/v1"
TIMEOUT_S = 15.0
MAX_MESSAGE_BYTES = 64 << 20


class Client:
    """A connection to `streamer serve`: `with Client("http://127.0.0.1:8080") as client:`.

    `token` is sent where the server requires credentials. `verify` is how its certificate is checked: True by the
    known authorities, False not at all, or an SSLContext with authorities of your own. Redirects are not followed.

    Raises UsageError for an address that is not http:// or https://. Every method raises CommandError for a request
    that the server rejects, and StreamerError if it does not answer.
    """

    def __init__(self, url: str, *, token: str | None = None, verify: ssl.SSLContext | bool = True) -> None:
        if parts_of(url).scheme not in ("http", "https") or not parts_of(url).hostname:
            raise UsageError(f"{redact(url)!r:.200}: write http://HOST:PORT or https://HOST:PORT")
        self._url = url.rstrip("/")
        self._shown = redact(self._url)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._tls = verify if isinstance(verify, ssl.SSLContext) else httpx.create_ssl_context(verify=verify)
        self._http = httpx.Client(headers=self._headers, timeout=TIMEOUT_S, verify=self._tls, follow_redirects=False)

    def cameras(self) -> list[dict[str, Any]]:
        """The state of every camera."""
        return list(self._ask("GET", "/cameras")["cameras"])

    def camera(self, name: str) -> dict[str, Any]:
        """The state of one camera."""
        return self._ask("GET", _path(name))

    def add_camera(self, name: str, uri: str, **settings: Any) -> dict[str, Any]:
        """Add a camera; `settings` are tracking, find, zones, max_fps and priority."""
        return self._ask("POST", "/cameras", {"name": name, "source": {"uri": uri}, **settings})

    def change_camera(self, name: str, uri: str, **settings: Any) -> dict[str, Any]:
        """Replace all settings of a camera; a rejected change leaves it running."""
        return self._ask("PUT", _path(name), {"source": {"uri": uri}, **settings})

    def patch_camera(self, name: str, **settings: Any) -> dict[str, Any]:
        """Change only these settings of a camera; a rejected change leaves it running."""
        return self._ask("PATCH", _path(name), settings)

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
        """Point at an object, in pixels of the frame; without an id the prompt starts a new object.

        Returns the object's id after a frame has taken the prompt. Labels are 1 on the object and 0 off it.
        """
        body = {"points": list(points), "labels": [1] * len(points) if labels is None else list(labels), "mode": mode}
        more = {"object_id": object_id, "box": box}
        body |= {key: value for key, value in more.items() if value is not None}
        return int(self._ask("POST", _path(camera) + "/prompts", body)["object_id"])

    def undo(self, camera: str, object_id: int) -> Ack:
        """Undo the last prompt of an object."""
        return _ack(self._ask("POST", f"{_path(camera)}/objects/{object_id}/undo"))

    def objects(self, camera: str) -> list[dict[str, Any]]:
        """The objects of a camera, with their states and names."""
        return list(self._ask("GET", _path(camera) + "/objects")["objects"])

    def name_object(self, camera: str, object_id: int, name: str | None, colour: str | None = None) -> dict[str, Any]:
        """Name an object, and give it a colour (#rrggbb); None for its id and the default colour."""
        return self._ask("PATCH", f"{_path(camera)}/objects/{object_id}", {"name": name, "colour": colour})

    def remove_object(self, camera: str, object_id: int) -> None:
        self._ask("DELETE", f"{_path(camera)}/objects/{object_id}")

    def snapshot(self, camera: str, *, overlay: bool = False) -> bytes:
        """The newest frame as JPEG."""
        return self._get(f"{_path(camera)}/snapshot.jpg?overlay={str(overlay).lower()}")

    def mask_png(self, camera: str, object_id: int) -> bytes:
        """The mask of an object in the newest frame as PNG."""
        return self._get(f"{_path(camera)}/objects/{object_id}/mask.png")

    def events(self, camera: str | None = None, *, before: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Events, the newest first; `before` is an event id."""
        query = {key: value for key, value in {"camera": camera, "before": before, "limit": limit}.items() if value}
        return list(self._ask("GET", f"/events?{urlencode(query)}")["events"])

    def counts(
        self, camera: str | None = None, *, since: datetime | None = None, every_s: float = 3600.0
    ) -> list[dict[str, Any]]:
        """What happened at zones, by intervals of `every_s` seconds, the oldest first; `since` needs a time zone."""
        query = {"camera": camera, "since": None if since is None else since.isoformat(), "every_s": every_s}
        chosen = {key: value for key, value in query.items() if value is not None}
        return list(self._ask("GET", f"/counts?{urlencode(chosen)}")["counts"])

    def event_file(self, event_id: int, name: Literal["snapshot.jpg", "mask.png", "clip.mp4"]) -> bytes:
        return self._get(f"/events/{event_id}/{name}")

    def results(self, camera: str, *, images: bool = False, width: int | None = None) -> Generator[Result, None, None]:
        """The newest result each time, until the camera is removed; a slow reader misses results."""
        query = urlencode({"images": "jpeg" if images else "none"} | ({"width": width} if width else {}))
        url = f"{self._url.replace('http', 'ws', 1)}{PREFIX}{_path(camera)}/results?{query}"
        tls = self._tls if url.startswith("wss") else None
        try:
            with connect(url, additional_headers=self._headers, ssl=tls, max_size=MAX_MESSAGE_BYTES) as socket:
                for message in socket:
                    if isinstance(message, bytes):
                        result = unpack(message)
                        yield result
                        socket.send(json.dumps({"seen": result.header["sequence"]}))
        except ConnectionClosed as closed:
            why = closed.rcvd.reason if closed.rcvd is not None else "the connection broke; is the server still there?"
            raise StreamerError(f"{self._shown}: {why or closed}") from None
        except InvalidStatus as error:
            raise CommandError(_reason(error.response.status_code, error.response.body)) from None
        except (OSError, InvalidHandshake) as error:
            raise StreamerError(f"{self._shown}: no results of camera {camera!r}: {error}") from error

    def follow(self, camera: str) -> Latest:
        """The newest result of a camera, read in the background: `with client.follow("door") as door:`."""
        return Latest(self.results(camera))

    def wait_for(self, camera: str, object_id: int, *, timeout_s: float = TIMEOUT_S) -> Result:
        """The first result that has the object; raises StreamerError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        for result in self.results(camera):
            if object_id in result.masks:
                return result
            if time.monotonic() > deadline:
                break
        raise StreamerError(
            f"{self._shown}: camera {camera!r}: object {object_id} was not tracked within {timeout_s:g} s"
        )

    def metrics(self) -> str:
        """All metrics in the text format of Prometheus."""
        return self._request("GET", f"{self._url}/metrics").text

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self._request(method, self._url + PREFIX + path, body)
        try:
            fields: dict[str, Any] = answer.json() if answer.content else {}
        except ValueError:
            raise StreamerError(f"{self._shown}: the answer is not JSON; is this `streamer serve`?") from None
        return fields

    def _get(self, path: str) -> bytes:
        return self._request("GET", self._url + PREFIX + path).content

    def _request(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            answer = self._http.request(method, url, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise StreamerError(f"{self._shown}: no answer ({error}); is `streamer serve` running there?") from error
        if answer.is_redirect:
            target = redact(answer.headers["location"])
            raise StreamerError(
                f"{self._shown}: the server redirects to {target:.200}; use the address of `streamer serve`"
            )
        if not answer.is_success:
            raise CommandError(_reason(answer.status_code, answer.content))
        return answer


def _path(camera: str) -> str:
    return f"/cameras/{quote(camera, safe='')}"


def _ack(fields: Mapping[str, Any]) -> Ack:
    return Ack(index=fields["index"], epoch=fields["epoch"])


def _reason(status: int, body: bytes | bytearray) -> str:
    """The server's own line, if its answer has one."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {status}"
