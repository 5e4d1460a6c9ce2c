// Decodes one `masks` message in the codec `rle` with docs/wire-format.md alone: `node docs/decode-masks.mjs < message`.
// Prints the header's index and each object's id, box and area as counted from the decoded mask.
import { readFileSync } from "node:fs";

const frame = readFileSync(0);
const nul = frame.indexOf(0);
const length = frame.readUInt32LE(nul + 1);
const header = unpack(frame.subarray(nul + 5, nul + 5 + length));
const blobs = frame.subarray(nul + 5 + length);
if (header.v !== 1) throw new Error(`version ${header.v}`);
const objects = header.objects.map((object) => {
  const [offset, size] = object.at;
  const pixels = object.box ? decodeRle(blobs.subarray(offset, offset + size), object.box) : [];
  return { id: object.id, box: object.box, area: pixels.reduce((sum, value) => sum + value, 0), stated: object.area };
});
console.log(JSON.stringify({ topic: frame.subarray(0, nul).toString(), index: header.index, objects }));

function decodeRle(bytes, [x0, y0, x1, y1]) {
  const height = y1 - y0, mask = new Uint8Array((x1 - x0) * height), runs = [];
  for (let at = 0; at < bytes.length; ) {
    let run = 0, shift = 0, group;
    do {
      group = bytes[at++] - 48;
      run |= (group & 31) << shift;
      shift += 5;
    } while (group & 32);
    if (group & 16) run |= -1 << shift;
    runs.push(runs.length > 2 ? run + runs[runs.length - 2] : run);
  }
  let column = 0;  // position down the columns
  runs.forEach((run, number) => { if (number % 2) mask.fill(1, column, column + run); column += run; });
  return mask;
}

function unpack(buffer) {
  let at = 0;
  const take = (count) => { at += count; return at - count; };
  const text = (count) => buffer.subarray(take(count), at).toString();
  const list = (count) => Array.from({ length: count }, value);
  const map = (count) => Object.fromEntries(Array.from({ length: count }, () => [value(), value()]));
  function value() {
    const kind = buffer[at++];
    if (kind < 0x80) return kind;
    if (kind < 0x90) return map(kind & 15);
    if (kind < 0xa0) return list(kind & 15);
    if (kind < 0xc0) return text(kind & 31);
    if (kind >= 0xe0) return kind - 256;
    switch (kind) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xca: return buffer.readFloatBE(take(4));
      case 0xcb: return buffer.readDoubleBE(take(8));
      case 0xcc: return buffer[at++];
      case 0xcd: return buffer.readUInt16BE(take(2));
      case 0xce: return buffer.readUInt32BE(take(4));
      case 0xcf: return Number(buffer.readBigUInt64BE(take(8)));
      case 0xd0: return buffer.readInt8(take(1));
      case 0xd1: return buffer.readInt16BE(take(2));
      case 0xd2: return buffer.readInt32BE(take(4));
      case 0xd3: return Number(buffer.readBigInt64BE(take(8)));
      case 0xd9: return text(buffer[at++]);
      case 0xda: return text(buffer.readUInt16BE(take(2)));
      case 0xdc: return list(buffer.readUInt16BE(take(2)));
      case 0xdd: return list(buffer.readUInt32BE(take(4)));
      case 0xde: return map(buffer.readUInt16BE(take(2)));
    }
    throw new Error(`msgpack type ${kind}`);
  }
  return value();
}
