// The page: a grid of cameras, the view of one camera, and statistics.
import { get, request } from "./api.js";
import { Single, showBadge } from "./single.js";
import { counted, summary, total } from "./state.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const REFRESH_MS = 1000, TILE_WIDTH = 640;
const TILE_DRAWING = { opacity: 0.45, image: true, outline: true, labels: true, trails: false, zones: true };

const single = new Single();
const tiles = new Map();
let cameras = [];
let navigated = false;  // by the user

const requested = () => new URLSearchParams(location.hash.slice(1)).get("camera");

async function refresh() {
  if (document.hidden) return;
  try {
    ({ cameras } = await get("cameras"));
    $("error").hidden = true;
  } catch (error) {
    showError(`${error.message} What the page shows may be out of date.`);
    return;
  }
  $("summary").textContent = summary(cameras);
  route();
  showTiles();
  const shown = cameras.find((camera) => camera.name === single.name);
  if (single.view && shown) single.update(shown);
  if (!$("stats").hidden) showStats();
}

function showError(text) {
  $("error").textContent = text;
  $("error").hidden = false;
}

function route() {
  let name = requested();
  if (name === null && !navigated && cameras.length === 1) name = cameras[0].name;  // there is nothing to choose
  const known = cameras.some((camera) => camera.name === name);
  if (known && (single.view === null || single.name !== name)) single.open(name);
  if (!known && single.view !== null) single.close();
  $("grid").hidden = known;
  if (!known && requested() !== null) showError(`There is no camera “${requested()}”. Choose one below.`);
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
    showBadge(tile.badge, camera);
    tile.count.textContent = counted(camera.objects.length, "object");
  }
  $("grid").querySelector(".empty")?.remove();
  if (cameras.length === 0) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = "There is no camera yet. Choose “Add camera” and enter an address, for example rtsp://192.168.1.20/stream1, or camera:0 for a camera of the server.";
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
      (camera.frames_dropped ?? 0) + (camera.frames_skipped ?? 0), total(camera.lost_by_sink), camera.objects.length, quality.reconnects_last_hour, quality.stalls_last_hour, camera.readers];
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
    await request("POST", "cameras", { name, source: { uri: $("add-uri").value.trim() } });
  } catch (error) {
    $("add").querySelector(".error").textContent = error.message;
    return;
  }
  $("add").close();
  location.hash = `camera=${encodeURIComponent(name)}`;
  refresh();
});

$("log-out").addEventListener("click", async () => {
  await request("DELETE", "session");
  location.href = "login";
});

window.addEventListener("hashchange", () => { navigated = true; refresh(); });
document.addEventListener("visibilitychange", refresh);
get(`session?origin=${encodeURIComponent(location.origin)}`).then(({ required, rejected }) => {
  $("log-out").hidden = !required;
  $("rejected").textContent = rejected ? `The server does not let this page change or show anything: ${rejected}.` : "";
}).catch(() => {});
refresh();
setInterval(refresh, REFRESH_MS);
