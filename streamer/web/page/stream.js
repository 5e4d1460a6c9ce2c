// Results of one camera over a WebSocket. Each result that was shown is acknowledged, so the server never runs ahead.
import { resultsUrl } from "./api.js";
import { ServerClock, unpack } from "./protocol.js";
import { retryMs } from "./state.js";

const PING_MS = 10000;

export class Stream {
  // `onResult(result, image)` with an image that can be drawn, or null; it is closed afterwards. `onEvent(event)`. `onState(open)`. `onUndecodable(codec)`: the browser cannot decode the video.
  constructor(camera, { images = "jpeg", width = null, onResult, onEvent = () => {}, onState = () => {}, onUndecodable = () => {} }) {
    Object.assign(this, { camera, images, width, onResult, onEvent, onState, onUndecodable });
    this.clock = new ServerClock();
    this.failures = 0;
    this.ended = false;
    this.decoder = null;
    if (!document.hidden) this.connect();
  }

  // A tab that nobody sees receives nothing.
  suspend() {
    clearTimeout(this.retry);
    this.suspended = true;
    this.socket?.close();
  }

  resume() {
    if (this.ended || (this.socket && !this.suspended)) return;
    this.suspended = false;
    this.connect();
  }

  close() {
    this.ended = true;
    clearTimeout(this.retry);
    clearInterval(this.pinging);
    this.socket?.close();
    this.decoder?.close();
  }

  connect() {
    this.clock.reset();
    this.shown = 0;
    const width = typeof this.width === "function" ? Math.round(this.width()) : this.width;
    const socket = this.socket = new WebSocket(resultsUrl(this.camera, this.images, width));
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.failures = 0;
      this.onState(true);
      this.ping();
      clearInterval(this.pinging);
      this.pinging = setInterval(() => this.ping(), PING_MS);
    };
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.receiveText(JSON.parse(data)) : this.receive(data));
    this.socket.onclose = () => {
      if (socket !== this.socket) return;  // another one has taken its place
      this.onState(false);
      this.decoder?.close();
      this.decoder = null;
      if (!this.ended && !this.suspended) this.retry = setTimeout(() => this.connect(), retryMs(this.failures++));
    };
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  ping() {
    this.send({ ping: performance.now() });
  }

  receiveText(message) {
    if (message.kind !== "pong") return this.onEvent(message);
    this.clock.answer({ sentMs: message.ping, receivedMs: performance.now(), wallMs: Date.now(), serverMs: message.wall_ns / 1e6 });
  }

  async receive(data) {
    const result = unpack(data);
    result.ageMs = () => this.clock.ageMs(result.wall_ns / 1e6, Date.now());
    try {
      if (!result.image) this.show(result, null);
      else if (result.image.codec === "jpeg") this.show(result, await createImageBitmap(new Blob([result.image.bytes], { type: "image/jpeg" })));
      else this.decode(result);
    } catch (error) {
      console.warn("a frame could not be shown", error);
      this.acknowledge(result);
    }
  }

  show(result, image) {
    if (this.ended) return image?.close();
    if (result.sequence > this.shown) {  // decoders may finish out of order
      this.onResult(result, image);
      this.shown = result.sequence;
    }
    image?.close();
    this.acknowledge(result);
  }

  acknowledge(result) {
    this.send({ seen: result.sequence });
  }

  decode(result) {
    this.decoder ??= new Decoder(result.image.codec, {
      onFrame: (shown, frame) => this.show(shown, frame),
      onLost: (lost) => this.acknowledge(lost),
      onBroken: () => this.onUndecodable(result.image.codec),
    });
    this.decoder.decode(result);
  }
}

// H.264 through WebCodecs.
class Decoder {
  constructor(codec, { onFrame, onLost, onBroken }) {
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
        console.warn("the video decoder failed", error);
        for (const result of this.waiting.values()) onLost(result);
        this.waiting.clear();
        onBroken();
      },
    });
    this.decoder.configure({ codec, optimizeForLatency: true });
  }

  decode(result) {
    if (this.decoder.state !== "configured") return this.onLost(result);
    const { key, bytes } = result.image;
    this.waiting.set(result.sequence, result);
    this.decoder.decode(new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: result.sequence, data: bytes }));
  }

  close() {
    if (this.decoder.state !== "closed") this.decoder.close();
    this.waiting.clear();
  }
}
