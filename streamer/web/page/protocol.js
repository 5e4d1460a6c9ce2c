// Messages of the results WebSocket, and the server's clock. No DOM.
import { decodeRle } from "./masks.js";

const DRIFT = 1.1;  // per answer: clocks drift, so an old quick answer does not count for ever

// `u32 length of the header, little endian | header as JSON | masks | image`. `image` is null without one.
export function unpack(data) {
  const length = new DataView(data).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  const blobs = new Uint8Array(data, 4 + length);
  const bytes = ([offset, size]) => blobs.subarray(offset, offset + size);
  const image = header.image ? { ...header.image, bytes: bytes(header.image.at) } : null;
  return { ...header, image, objects: header.objects.map((object) => ({ ...object, mask: maskOf(object, bytes) })) };
}

function maskOf({ box, at }, bytes) {
  if (!box) return null;
  const [x0, y0, x1, y1] = box;
  return decodeRle(bytes(at), x1 - x0, y1 - y0);
}

// The offset of the server's clock, from the answer with the shortest round trip.
export class ServerClock {
  constructor() {
    this.offsetMs = 0;
    this.reset();
  }

  reset() {
    this.bestMs = Infinity;
  }

  // `sentMs` and `receivedMs` are of the browser's monotonic clock, `wallMs` its Unix time at the answer.
  answer({ sentMs, receivedMs, wallMs, serverMs }) {
    const roundMs = receivedMs - sentMs;
    if (roundMs < this.bestMs) {
      this.bestMs = roundMs;
      this.offsetMs = serverMs - (wallMs - roundMs / 2);
    }
    this.bestMs *= DRIFT;
  }

  // How old a frame with the server's time `frameMs` is.
  ageMs(frameMs, wallMs) {
    return wallMs + this.offsetMs - frameMs;
  }
}
