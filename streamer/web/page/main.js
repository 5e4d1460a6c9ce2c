// The page: a grid of cameras, one of them large, and the numbers behind them.
import { ask, get } from "./api.js";
import { Single, badge } from "./single.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const EVERY_MS = 1000, TILE_WIDTH = 640;
const TILE_DRAWING = { opacity: 0.45, picture: true, outline: true, labels: true, trails: false, zones: true };

const single = new Single();
const tiles = new Map();
let cameras = [];
let went = false;  // anywhere by hand

const wanted = () => new URLSearchParams(location.hash.slice(1)).get("camera");

async function refresh() {
  if (document.hidden) return;
  try {
    ({ cameras } = await get("cameras"));
    $("trouble").hidden = true;
  } catch (error) {
    $("trouble").textContent = `${error.message} What you see may be old.`;
    $("trouble").hidden = false;
    return;
  }
  const live = cameras.filter((camera) => camera.live).length;
  $("summary").textContent = `${live} of ${cameras.length} cameras live`;
  route();
  showTiles();
  const shown = cameras.find((camera) => camera.name === single.name);
  if (single.view && shown) single.update(shown);
  if (!$("stats").hidden) showStats();
}

function route() {
  let name = wanted();
  if (name === null && !went && cameras.length === 1) name = cameras[0].name;  // nothing to choose from
  const known = cameras.some((camera) => camera.name === name);
  if (known && (single.view === null || single.name !== name)) single.open(name);
  if (!known && single.view !== null) single.close();
  $("grid").hidden = known;
}

function showTiles() {
  const shown = $("grid").hidden ? [] : cameras;
  for (const [name, tile] of tiles) {
    if (shown.some((camera) => camera.name === name)) continue;
    tile.view.close();
    tile.element.remove();
    tiles.delete(name);
  }
  for (const camera of shown) {
    const tile = tiles.get(camera.name) ?? addTile(camera.name);
    tile.view.status = camera;
    tile.view.zones = camera.settings.zones;
    tile.view.check();
    badge(tile.badge, camera);
    tile.count.textContent = `${camera.objects.length} object${camera.objects.length === 1 ? "" : "s"}`;
  }
  $("grid").querySelector(".empty")?.remove();
  if (cameras.length === 0) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = "There is no camera yet. “Add camera” wants its address, such as rtsp://192.168.1.20/stream1, or camera:0 for one on the server.";
    $("grid").append(empty);
  }
}

function addTile(name) {
  const element = document.createElement("article"), link = document.createElement("a"), bar = document.createElement("div");
  element.className = "tile";
  link.className = "open";
  link.href = `#camera=${encodeURIComponent(name)}`;
  bar.className = "bar";
  const [title, count, mark] = ["strong", "span", "span"].map((tag) => bar.appendChild(document.createElement(tag)));
  title.textContent = name;
  count.className = "quiet";
  const view = new View(name, { width: TILE_WIDTH, drawing: () => TILE_DRAWING, label: `Open ${name}` });
  link.append(view.element);
  element.append(link, bar);
  $("grid").append(element);
  const tile = { element, view, badge: mark, count };
  tiles.set(name, tile);
  return tile;
}

async function showStats() {
  const stats = await get("stats").catch(() => null);
  if (stats === null) return;
  const { model } = stats;
  $("process").textContent = `${model.id}, ${model.size ? `${model.size} x ${model.size}, ` : ""}${model.runtime} on ${model.device}; ${stats.resident_mb} MB`;
  $("stats").querySelector("tbody").replaceChildren(...cameras.map((camera) => {
    const row = document.createElement("tr"), latency = camera.latency_ms ?? {}, quality = camera.quality ?? {};
    const cells = [camera.name, camera.state, quality.fps, camera.fps_now, `${latency.p50}, ${latency.p95}`,
      (camera.frames_dropped ?? 0) + (camera.frames_skipped ?? 0), camera.objects.length, quality.reconnects_last_hour, quality.stalls_last_hour, camera.readers];
    for (const text of cells) row.insertCell().textContent = text ?? "";
    return row;
  }));
}

$("show-stats").addEventListener("click", () => {
  $("stats").hidden = !$("stats").hidden;
  $("show-stats").setAttribute("aria-expanded", !$("stats").hidden);
  showStats();
});

$("show-add").addEventListener("click", () => {
  $("add").querySelector("form").reset();
  $("add").querySelector(".error").textContent = "";
  $("add").showModal();
});

$("add-ok").addEventListener("click", async (event) => {
  if (!$("add").querySelector("form").reportValidity()) return event.preventDefault();
  event.preventDefault();
  const name = $("add-name").value.trim();
  try {
    await ask("POST", "cameras", { name, source: { uri: $("add-uri").value.trim() } });
  } catch (error) {
    $("add").querySelector(".error").textContent = error.message;
    return;
  }
  $("add").close();
  location.hash = `camera=${encodeURIComponent(name)}`;
  refresh();
});

$("log-out").addEventListener("click", async () => {
  await ask("DELETE", "session");
  location.href = "login";
});

window.addEventListener("hashchange", () => { went = true; refresh(); });
document.addEventListener("visibilitychange", refresh);
get("session").then(({ required }) => { $("log-out").hidden = !required; }).catch(() => {});
refresh();
setInterval(refresh, EVERY_MS);
