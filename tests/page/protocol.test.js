// `result.json` is a message of the server, with what it holds; tests/process/web/test_readers.py checks it in Python.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { colourOf, decodeRle, hex, isInside, paint, rgbOf } from "../../streamer/web/page/masks.js";
import { ServerClock, unpack } from "../../streamer/web/page/protocol.js";

const RESULT = JSON.parse(readFileSync(new URL("result.json", import.meta.url)));
const bytes = Uint8Array.from(Buffer.from(RESULT.message, "base64"));
const result = unpack(bytes.buffer);

function rows(object, [width, height]) {
  const full = Array.from({ length: height }, () => Array(width).fill("."));
  if (!object.box) return full.map((row) => row.join(""));
  const [x0, y0, x1] = object.box;
  object.mask.forEach((value, at) => { if (value) full[y0 + Math.floor(at / (x1 - x0))][x0 + (at % (x1 - x0))] = "#"; });
  return full.map((row) => row.join(""));
}

test("a message has the masks that the server sent", () => {
  assert.equal(result.index, 17);
  assert.deepEqual(result.objects.map((object) => object.id), [3, 8, 12]);
  for (const object of result.objects) assert.deepEqual(rows(object, result.size), RESULT.masks[object.id]);
});

test("an object that is not visible has no mask", () => {
  assert.equal(result.objects[1].mask, null);
  assert.equal(isInside(result.objects[1], 1, 1), false);
});

test("a message has the JPEG of its frame", () => {
  assert.equal(result.image.codec, "jpeg");
  assert.deepEqual([...result.image.bytes.subarray(0, 2)], [0xff, 0xd8]);
  assert.deepEqual([...result.image.bytes.subarray(-2)], [0xff, 0xd9]);
});

test("bytes that are not a message are an error", () => {
  assert.throws(() => unpack(new ArrayBuffer(2)), RangeError);
  assert.throws(() => unpack(Uint8Array.from([2, 0, 0, 0, 123, 125]).buffer), TypeError);
});

test("a place is inside an object where its mask is", () => {
  const [object] = result.objects, [x0, y0] = object.box;
  assert.equal(isInside(object, x0 + 0.9, y0 + 0.9), true);
  assert.equal(isInside(object, x0 - 1, y0), false);
  const hole = RESULT.masks[3][y0].indexOf(".", x0);
  assert.equal(isInside(object, hole, y0), false);
});

test("colours are those of the server", () => {
  for (const [id, rgb] of Object.entries(RESULT.colours)) assert.deepEqual(colourOf(Number(id)), rgb);
  assert.equal(hex([1, 128, 255]), "#0180ff");
  assert.deepEqual(rgbOf({ id: 1, colour: "#0180ff" }), [1, 128, 255]);
});

test("an outline is opaque and the inside has the opacity", () => {
  globalThis.ImageData = class { constructor(width, height) { Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) }); } };
  const square = { id: 1, colour: "#102030", box: [0, 0, 3, 3], mask: new Uint8Array(9).fill(1) };
  const { data } = paint(square, 0.5, true);
  assert.deepEqual([...data.subarray(0, 4)], [16, 32, 48, 255]);
  assert.deepEqual([...data.subarray(16, 20)], [16, 32, 48, 128]);
  assert.equal(paint(square, 0.5, false).data[3], 128);
});

test("run lengths go down the columns", () => {
  assert.deepEqual([...decodeRle(Buffer.from("13"), 2, 2)], [0, 1, 1, 1]);
});

test("the clock's offset is that of the quickest answer", () => {
  const clock = new ServerClock();
  clock.answer({ sentMs: 0, receivedMs: 100, wallMs: 5000, serverMs: 7000 });
  assert.equal(clock.offsetMs, 2050);
  clock.answer({ sentMs: 200, receivedMs: 210, wallMs: 5110, serverMs: 7105 });
  assert.equal(clock.offsetMs, 2000);
  clock.answer({ sentMs: 300, receivedMs: 800, wallMs: 5700, serverMs: 7300 });
  assert.equal(clock.offsetMs, 2000);
  assert.equal(clock.ageMs(7700, 5720), 20);
});

test("after a new connection the next answer counts, however slow it is", () => {
  const clock = new ServerClock();
  clock.answer({ sentMs: 0, receivedMs: 2, wallMs: 1, serverMs: 0 });
  clock.reset();
  clock.answer({ sentMs: 0, receivedMs: 100, wallMs: 50, serverMs: 500 });
  assert.equal(clock.offsetMs, 500);
});
