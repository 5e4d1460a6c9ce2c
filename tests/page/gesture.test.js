import assert from "node:assert/strict";
import { test } from "node:test";
import { Gesture, HOLD_MS } from "../../streamer/web/page/gesture.js";

const FINGER = { touch: true, drags: false };

function gesture(...steps) {
  const fingers = new Gesture();
  return steps.map(([what, ...args]) => fingers[what](...args)).filter((kind) => typeof kind === "string" || kind === null);
}

test("a mouse clicks, and draws a box", () => {
  assert.deepEqual(gesture(["down", 1, [5, 5], 0], ["up", 1, 50]), ["click"]);
  assert.deepEqual(gesture(["down", 1, [5, 5], 0], ["move", 1, [60, 60]], ["up", 1, 50]), ["box"]);
});

test("two fingers on the page make no box and no click, and neither does the one that stays longer", () => {
  assert.deepEqual(gesture(["down", 1, [5, 5], 0, FINGER], ["down", 2, [80, 80], 10, FINGER], ["up", 1, 50], ["up", 2, 90]), [null, null]);
  assert.deepEqual(gesture(["down", 1, [5, 5], 0], ["move", 1, [60, 60]], ["down", 2, [80, 80], 10], ["up", 2, 50], ["up", 1, 90]), [null, null]);
  assert.deepEqual(gesture(["down", 1, [5, 5], 0, FINGER], ["down", 2, [9, 9], 1, FINGER], ["up", 2, 2], ["down", 3, [9, 9], 3, FINGER], ["up", 3, 4], ["up", 1, 5]), [null, null, null]);
});

test("after two fingers the next touch is a click again", () => {
  const steps = [["down", 1, [5, 5], 0, FINGER], ["down", 2, [80, 80], 10, FINGER], ["up", 1, 50], ["up", 2, 90]];
  assert.deepEqual(gesture(...steps, ["down", 3, [5, 5], 100, FINGER], ["up", 3, 120]), [null, null, "click"]);
});

test("a slanted swipe of a thumb scrolls and makes no box", () => {
  assert.deepEqual(gesture(["down", 1, [5, 5], 0, FINGER], ["move", 1, [40, 90]], ["up", 1, 90]), [null]);
});

test("a swipe that the browser has taken over is cancelled", () => {
  assert.deepEqual(gesture(["down", 1, [5, 5], 0, FINGER], ["cancel", 1], ["up", 1, 90]), [null]);
});

test("a finger draws a box where the mode says so", () => {
  assert.deepEqual(gesture(["down", 1, [5, 5], 0, { touch: true, drags: true }], ["move", 1, [60, 60]], ["up", 1, 50]), ["box"]);
});

test("a long touch is a hold, a long press of the mouse is a click", () => {
  assert.deepEqual(gesture(["down", 1, [5, 5], 0, FINGER], ["up", 1, HOLD_MS + 1]), ["hold"]);
  assert.deepEqual(gesture(["down", 1, [5, 5], 0], ["up", 1, HOLD_MS + 1]), ["click"]);
});
