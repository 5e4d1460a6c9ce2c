import assert from "node:assert/strict";
import { test } from "node:test";
import { store, stored } from "../../streamer/web/page/storage.js";

const blocked = () => { throw new Error("SecurityError: access is denied for this document"); };

test("a browser that blocks storage gets the defaults instead of a blank page", () => {
  assert.equal(stored("images", "jpeg", blocked), "jpeg");
  assert.doesNotThrow(() => store("images", "h264", blocked));
});

test("a full storage is no error", () => {
  assert.doesNotThrow(() => store("images", "h264", () => ({ setItem: blocked })));
});

test("a choice is kept, and something else under its name is ignored", () => {
  const kept = new Map(), storage = () => ({ getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) });
  store("drawing", { opacity: "70" }, storage);
  assert.deepEqual(stored("drawing", {}, storage), { opacity: "70" });
  kept.set("streamer.images", "{not JSON");
  assert.equal(stored("images", "jpeg", storage), "jpeg");
});
