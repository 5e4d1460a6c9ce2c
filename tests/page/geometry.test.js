import assert from "node:assert/strict";
import { test } from "node:test";
import { boxAround, centre, moved, pixelAt, squareAround } from "../../streamer/web/page/geometry.js";

const SIZE = { width: 640, height: 360 };

test("a place on the page is a pixel of the frame", () => {
  assert.deepEqual(pixelAt(420, 190, { left: 100, top: 10, width: 1280, height: 720 }, SIZE), [160, 90]);
});

test("bars beside the frame do not shift a place", () => {
  const wide = { left: 0, top: 0, width: 1000, height: 360 };  // 180 px of bar at each side
  assert.deepEqual(pixelAt(180, 0, wide, SIZE), [0, 0]);
  assert.deepEqual(pixelAt(500, 180, wide, SIZE), [320, 180]);
});

test("a place outside the frame is the nearest pixel in it", () => {
  const rectangle = { left: 0, top: 0, width: 640, height: 360 };
  assert.deepEqual(pixelAt(-5, 900, rectangle, SIZE), [0, 359]);
  assert.deepEqual(pixelAt(640, 360, rectangle, SIZE), [639, 359]);
});

test("a box is drawn from any corner", () => {
  assert.deepEqual(boxAround([30, 5], [10, 20]), [10, 5, 30, 20]);
  assert.deepEqual(centre([10, 5, 30, 20]), [20, 12.5]);
});

test("arrow keys move the cross, slowly with Ctrl, and not out of the frame", () => {
  assert.deepEqual(moved([100, 100], "ArrowRight", false, SIZE), [112.8, 100]);
  const [x] = moved([100, 100], "ArrowLeft", true, SIZE);
  assert.ok(Math.abs(x - 98.72) < 1e-9);
  assert.deepEqual(moved([639, 0], "ArrowUp", false, SIZE), [639, 0]);
  assert.equal(moved([1, 1], "Tab", false, SIZE), null);
});

test("a crop is a square around the box", () => {
  assert.deepEqual(squareAround([10, 10, 30, 20], 0.2), { x: 6, y: 1, side: 28 });
});
