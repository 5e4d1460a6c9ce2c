import assert from "node:assert/strict";
import { test } from "node:test";
import { STALE_MS, age, badge, counted, losses, notice, retryMs, summary, total, zoneLabel } from "../../streamer/web/page/state.js";

const LIVE = { state: "running", live: true, paused: false, fps_now: 14.8, quality: { fps: 15.1 }, max_fps: null };

test("a badge shows the rate at which frames are tracked", () => {
  assert.deepEqual(badge(LIVE), { text: "live, 14.8 fps", kind: "" });
});

test("a badge warns when far fewer frames are tracked than arrive", () => {
  assert.deepEqual(badge({ ...LIVE, fps_now: 2.1, quality: { fps: 30.2 } }), { text: "live, 2.1 of 30.2 fps", kind: "warn" });
});

test("a limit of the rate is no reason to warn", () => {
  assert.equal(badge({ ...LIVE, fps_now: 5, quality: { fps: 30 }, max_fps: 5 }).kind, "");
});

test("a badge shows a camera without frames, a paused one, and one that failed", () => {
  assert.deepEqual(badge({ ...LIVE, live: false }), { text: "no frames", kind: "bad" });
  assert.deepEqual(badge({ ...LIVE, paused: true }), { text: "paused", kind: "warn" });
  assert.deepEqual(badge({ state: "failed" }), { text: "failed", kind: "bad" });
  assert.deepEqual(badge({ ...LIVE, quality: undefined }), { text: "live", kind: "" });
});

test("a live image has no notice", () => {
  assert.equal(notice({ connected: true, status: LIVE, quietMs: STALE_MS }), "");
  assert.equal(notice({ connected: true, status: null, quietMs: 0 }), "");
});

test("a notice covers an image that is not live", () => {
  assert.equal(notice({ connected: false, status: LIVE, quietMs: 0 }), "No connection to the server; reconnecting");
  assert.equal(notice({ connected: true, status: { ...LIVE, live: false, last_event: "lost: refused" }, quietMs: 20100 }), "No frames for 20 s: lost: refused");
  assert.equal(notice({ connected: true, status: LIVE, quietMs: 3000 }), "No frames for 3 s");
  assert.equal(notice({ connected: true, status: { ...LIVE, paused: true }, quietMs: 0 }), "Tracking is paused; click on an object to go on");
  assert.equal(notice({ connected: true, status: { state: "failed", error: "404" }, quietMs: 0 }), "This camera has failed: 404");
  assert.equal(notice({ connected: true, status: { state: "ended", error: null }, quietMs: 0 }), "This camera has ended");
});

test("the age grows while no frame follows", () => {
  assert.equal(age({ connected: true, ageMs: 27, quietMs: 10 }), "37 ms old");
  assert.equal(age({ connected: true, ageMs: 27, quietMs: 20000 }), "20.0 s old");
  assert.equal(age({ connected: true, ageMs: -3, quietMs: 0 }), "0 ms old");
});

test("without a connection or a frame the age is unknown", () => {
  assert.equal(age({ connected: false, ageMs: 27, quietMs: 0 }), "age unknown");
  assert.equal(age({ connected: true, ageMs: null, quietMs: 0 }), "age unknown");
});

test("what sinks lost is shown, and nothing while they lose nothing", () => {
  assert.equal(losses({ ...LIVE, lost_by_sink: { page: 0, clips: 0 } }), "");
  assert.equal(losses({ ...LIVE, lost_by_sink: { page: 0, clips: 3, journal: 1 } }), "Lost: 3 by clips, 1 by journal");
  assert.equal(losses(null), "");
  assert.equal(total({ page: 0, clips: 3, journal: 1 }), 4);
  assert.equal(total(undefined), 0);
});

test("attempts to connect are further and further apart", () => {
  assert.deepEqual([0, 1, 2, 3, 9].map(retryMs), [500, 1000, 2000, 5000, 5000]);
});

test("numbers of things are in words", () => {
  assert.equal(summary([LIVE, { ...LIVE, live: false }]), "1 of 2 cameras live");
  assert.equal(counted(1, "object"), "1 object");
  assert.equal(counted(0, "object"), "0 objects");
});

test("1080p over a slow link is 7.8 s old and called live: old frames are no live image, however often they come", () => {
  assert.equal(notice({ connected: true, status: LIVE, quietMs: 100, ageMs: 7700 }), "These frames are 7.8 s old: the connection is too slow for them");
  assert.equal(notice({ connected: true, status: LIVE, quietMs: 100, ageMs: 900 }), "");
  assert.equal(notice({ connected: true, status: LIVE, quietMs: 100, ageMs: -5000 }), "");
});

test("a zone's label shows who is inside, and a line's how many crossed it to each side", () => {
  const figures = [{ zone: "door", inside: 1, entered: 4, left: 3 }, { zone: "fence", to_left: 2, to_right: 5 }];
  assert.equal(zoneLabel("door", false, figures), "door: 1 inside, 4 in, 3 out");
  assert.equal(zoneLabel("fence", true, figures), "fence: 2 to the left, 5 to the right");
  assert.equal(zoneLabel("new", false, figures), "new");
  assert.equal(zoneLabel("door", false, undefined), "door");
});
