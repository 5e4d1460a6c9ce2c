"""A real RTSP server for tests: what one client RECORDs, others PLAY (RFC 2326, interleaved over TCP).

It runs in a thread with an event loop of its own; `with Relay() as relay:` gives `relay.url("path")`. Or as a process
that can be stopped and killed, `python -m streamer.soak.relay PORT [USER:PASSWORD]`; SIGUSR1 lets its streams' clocks
jump ahead, SIGUSR2 back.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import signal
import socket
import sys
import threading
from dataclasses import dataclass, field

from streamer.soak.serving import Serving

SENDER_REPORT = 200
JUMP_TICKS = 4 * 90_000


@dataclass
class Publication:
    """What is being recorded under one path, and who plays it."""

    sdp: bytes
    players: set[asyncio.StreamWriter] = field(default_factory=set)


class Relay(Serving):
    def __init__(self, credentials: str | None = None, port: int = 0) -> None:
        super().__init__("rtsp relay", port)
        self.credentials = credentials
        self.publications: dict[str, Publication] = {}
        self.ahead = 0  # ticks that are added to the timestamps of what is played

    def url(self, path: str, credentials: str = "") -> str:
        return f"rtsp://{credentials + '@' if credentials else ''}127.0.0.1:{self.port}/{path}"

    def is_published(self, path: str) -> bool:
        return path in self.publications

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        recorded: str | None = None
        try:
            while lead := await reader.read(1):
                if lead == b"$":
                    await self._relay(reader, recorded)
                    continue
                method, path, headers, body = await self._request(lead, reader)
                status, extra, answer = self._answer(method, path, headers, body, writer)
                recorded = path if method == "RECORD" else recorded
                lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}", *extra]
                writer.write("\r\n".join([*lines, f"Content-Length: {len(answer)}", "", ""]).encode() + answer)
                await writer.drain()
                if method == "PLAY":
                    self.publications[path].players.add(writer)
                if method == "TEARDOWN":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._forget(writer, recorded)

    def _forget(self, writer: asyncio.StreamWriter, recorded: str | None) -> None:
        self.writers.discard(writer)
        for publication in self.publications.values():
            publication.players.discard(writer)
        if recorded and (ended := self.publications.pop(recorded, None)):
            for player in ended.players:
                player.close()
        with contextlib.suppress(Exception):
            writer.close()

    async def _request(self, lead: bytes, reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes]:
        head = (lead + await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, uri, _ = first.split(" ")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = uri.split("/", 3)[3].split("/")[0].split("?")[0] if uri.count("/") >= 3 else ""
        return method, path, headers, body

    def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> tuple[str, list[str], bytes]:
        if method != "OPTIONS" and not self._allowed(headers):
            return "401 Unauthorized", ['WWW-Authenticate: Basic realm="relay"'], b""
        match method:
            case "OPTIONS":
                return "200 OK", ["Public: OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, TEARDOWN"], b""
            case "ANNOUNCE":
                self.publications[path] = Publication(body)
                quick_ack(writer)
                return "200 OK", [], b""
            case "DESCRIBE" if path in self.publications:
                return "200 OK", ["Content-Type: application/sdp"], self.publications[path].sdp
            case "SETUP" if path in self.publications and "TCP" in headers.get("transport", ""):
                return "200 OK", [f"Transport: {headers['transport']}", "Session: 12345678"], b""
            case "SETUP":
                return "461 Unsupported Transport", [], b""
            case "PLAY" | "RECORD" if path in self.publications:
                return "200 OK", ["Session: 12345678"], b""
            case "TEARDOWN" | "GET_PARAMETER" | "SET_PARAMETER":
                return "200 OK", [], b""
        return "404 Not Detection", [], b""

    def _allowed(self, headers: dict[str, str]) -> bool:
        if self.credentials is None:
            return True
        wanted = "Basic " + base64.b64encode(self.credentials.encode()).decode()
        return headers.get("authorization") == wanted

    async def _relay(self, reader: asyncio.StreamReader, recorded: str | None) -> None:
        head = await reader.readexactly(3)
        data = b"$" + head + await reader.readexactly(int.from_bytes(head[1:], "big"))
        if self.ahead:
            data = shifted(data, self.ahead)
        publication = self.publications.get(recorded or "")
        for player in list(publication.players) if publication else []:
            if player.transport.get_write_buffer_size() < 4 << 20:
                player.write(data)


def shifted(data: bytes, ticks: int) -> bytes:
    """An interleaved packet with its RTP timestamp, or that of an RTCP sender report, moved."""
    is_report = data[1] % 2 == 1
    at = 4 + (16 if is_report else 4)
    if len(data) < at + 4 or (is_report and data[5] != SENDER_REPORT):
        return data
    moved = (int.from_bytes(data[at : at + 4], "big") + ticks) % (1 << 32)
    return data[:at] + moved.to_bytes(4, "big") + data[at + 4 :]


def quick_ack(writer: asyncio.StreamWriter) -> None:
    """FFmpeg's push waits for our acknowledgements; without this its 95th percentile grows by 40 ms."""
    raw = writer.get_extra_info("socket")
    if hasattr(socket, "TCP_QUICKACK"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def main() -> None:
    relay = Relay(sys.argv[2] if len(sys.argv) > 2 else None, int(sys.argv[1]))

    def jump(ticks: int) -> None:
        relay.ahead += ticks

    signal.signal(signal.SIGUSR1, lambda *_: jump(JUMP_TICKS))
    signal.signal(signal.SIGUSR2, lambda *_: jump(-JUMP_TICKS))
    with relay:
        threading.Event().wait()


if __name__ == "__main__":
    main()
