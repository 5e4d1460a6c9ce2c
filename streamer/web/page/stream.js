// Results of one camera over a WebSocket. Each picture that was shown is acknowledged, so the server never runs ahead.
import { resultsUrl } from "./api.js";
import { decodeRle } from "./masks.js";

const WAITS_MS = [500, 1000, 2000, 5000];
const CLOCK_EVERY_MS = 10000;

export class Stream {
  // `onResult(result, picture)` with a picture that can be drawn and is closed afterwards; `onEvent(event)`; `onState(open)`.
  constructor(camera, { pictures = "jpeg", width = null, onResult, onEvent = () => {}, onState = () => {} }) {
    Object.assign(this, { camera, pictures, width, onResult, onEvent, onState });
    this.offsetMs = 0;  // of the server's clock
    this.failures = 0;
    this.ended = false;
    this.video = null;
    this.connect();
  }

  close() {
    this.ended = true;
    clearTimeout(this.retry);
    clearInterval(this.clock);
    this.socket?.close();
    this.video?.close();
  }

  connect() {
    this.bestMs = Infinity;
    this.shown = 0;
    this.socket = new WebSocket(resultsUrl(this.camera, this.pictures, this.width));
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.failures = 0;
      this.onState(true);
      this.askTime();
      clearInterval(this.clock);
      this.clock = setInterval(() => this.askTime(), CLOCK_EVERY_MS);
    };
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.hear(JSON.parse(data)) : this.see(data));
    this.socket.onclose = () => {
      this.onState(false);
      this.video?.close();
      this.video = null;
      if (!this.ended) this.retry = setTimeout(() => this.connect(), WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)]);
    };
  }

  askTime() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ ping: performance.now() }));
  }

  hear(said) {
    if (said.kind !== "pong") return this.onEvent(said);
    const round = performance.now() - said.ping;
    if (round < this.bestMs) {  // the quickest answer tells the time best
      this.bestMs = round;
      this.offsetMs = said.wall_ns / 1e6 - (Date.now() - round / 2);
    }
    this.bestMs *= 1.1;  // clocks drift
  }

  async see(data) {
    const length = new DataView(data).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    const blobs = new Uint8Array(data, 4 + length);
    const result = { ...header, objects: header.objects.map((object) => unpacked(object, blobs)) };
    result.ageMs = () => Date.now() + this.offsetMs - header.wall_ns / 1e6;
    const at = header.picture?.at, bytes = at && blobs.subarray(at[0], at[0] + at[1]);
    try {
      if (!bytes) this.show(result, null);
      else if (header.picture.codec === "jpeg") this.show(result, await createImageBitmap(new Blob([bytes], { type: "image/jpeg" })));
      else this.decode(result, bytes);
    } catch (error) {
      console.warn("a picture could not be shown", error);
      this.acknowledge(header);
    }
  }

  show(result, picture) {
    if (this.ended) return picture?.close();
    if (result.sequence > this.shown) {  // decoders may finish out of turn
      this.onResult(result, picture);
      this.shown = result.sequence;
    }
    picture?.close();
    this.acknowledge(result);
  }

  acknowledge(result) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ seen: result.sequence }));
  }

  decode(result, bytes) {
    this.video ??= new Video(result.picture.codec, (shown, frame) => this.show(shown, frame), (shown) => this.acknowledge(shown));
    this.video.decode(result, bytes);
  }
}

// H.264 through WebCodecs.
class Video {
  constructor(codec, onFrame, onLost) {
    this.waiting = new Map();
    this.onLost = onLost;
    this.decoder = new VideoDecoder({
      output: (frame) => {
        const result = this.waiting.get(frame.timestamp);
        this.waiting.delete(frame.timestamp);
        if (result) onFrame(result, frame);
        else frame.close();
      },
      error: (error) => {
        console.warn("the decoder gave up", error);
        for (const result of this.waiting.values()) onLost(result);
        this.waiting.clear();
      },
    });
    this.decoder.configure({ codec, optimizeForLatency: true });
  }

  decode(result, bytes) {
    if (this.decoder.state !== "configured") return this.onLost(result);
    this.waiting.set(result.sequence, result);
    this.decoder.decode(new EncodedVideoChunk({ type: result.picture.key ? "key" : "delta", timestamp: result.sequence, data: bytes }));
  }

  close() {
    if (this.decoder.state !== "closed") this.decoder.close();
    this.waiting.clear();
  }
}

function unpacked(object, blobs) {
  if (!object.box) return { ...object, mask: null };
  const [x0, y0, x1, y1] = object.box, [offset, size] = object.at;
  return { ...object, mask: decodeRle(blobs.subarray(offset, offset + size), x1 - x0, y1 - y0) };
}
