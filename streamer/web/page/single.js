// The view of one camera, where the user prompts objects.
import { cameraPath, request } from "./api.js";
import { centre } from "./geometry.js";
import { Objects } from "./objects.js";
import { Pointing } from "./pointing.js";
import { age, badge, losses } from "./state.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const DRAWING = ["opacity", "show-image", "show-outline", "show-labels", "show-trails", "show-zones"];
const START = "Click on an object to track it, or drag a box around it.";
const AGE_MS = 250;

export class Single {
  constructor() {
    this.view = null;
    this.hidden = new Set();  // ids of this camera's objects that are not drawn
    this.timeline = new Timeline($("events"), $("media"));
    this.objects = new Objects($("objects"), {
      select: (id) => this.select(id === this.selected ? null : id),
      rename: (object, name) => this.look(object, { name, colour: object.colour }),
      colour: (object, colour) => this.look(object, { name: object.name, colour }),
      remove: (id) => this.remove(id),
      hide: (id, hide) => { this.hidden[hide ? "add" : "delete"](id); this.view.draw(); },
    });
    for (const id of DRAWING) $(id).addEventListener("input", () => this.view?.draw());
    $("images").value = "VideoDecoder" in window ? localStorage.images ?? "jpeg" : "jpeg";
    $("images").querySelector("[value=h264]").disabled = !("VideoDecoder" in window);  // only with https or on localhost
    $("images").addEventListener("change", () => { localStorage.images = $("images").value; this.open(this.name); });
    $("new").addEventListener("click", () => this.select(null));
    $("undo").addEventListener("click", () => this.undo());
    $("pause").addEventListener("click", () => this.pause());
    $("reset").addEventListener("click", () => this.act(() => request("DELETE", this.path("/objects")), "All objects were removed."));
    $("remove-camera").addEventListener("click", () => this.removeCamera());
    document.addEventListener("keydown", (event) => this.key(event));
    setInterval(() => this.showAge(), AGE_MS);
  }

  path(rest = "") {
    return cameraPath(this.name, rest);
  }

  open(name) {
    this.close();
    if (name !== this.name) this.hidden.clear();
    this.name = name;
    this.lastPrompted = null;
    document.querySelector("[name=mode][value=add]").checked = true;
    $("single").hidden = false;
    $("camera-name").textContent = name;
    this.view = new View(name, {
      images: $("images").value,
      label: `Live image of ${name}: arrow keys move a cross, Enter prompts, Shift and Enter removes from the object`,
      drawing: () => this.drawing(),
      onResult: (result) => this.shown(result),
      onEvent: () => this.timeline.soon(),
    });
    $("live").replaceChildren(this.view.element);
    new Pointing(this.view, {
      onClick: (x, y, label, object) => this.click(x, y, label, object),
      onBox: (box) => this.box(box),
      removes: () => document.querySelector("[name=mode]:checked").value === "remove",
    });
    this.timeline.watch(name);
    this.select(null);
  }

  close() {
    this.view?.close();
    this.view = null;
    this.objects.clear();
    this.timeline.watch(null);
    $("single").hidden = true;
  }

  // The server's status of the camera.
  update(status) {
    if (!this.view) return;
    this.view.status = status;
    this.view.zones = status.settings.zones;
    this.view.check();
    showBadge($("badge"), status);
    $("losses").textContent = losses(status);
    $("pause").textContent = status.paused ? "Resume tracking" : "Pause tracking";
  }

  drawing() {
    const on = (id) => $(id).checked;
    return {
      opacity: $("opacity").value / 100, image: on("show-image"), outline: on("show-outline"), labels: on("show-labels"),
      trails: on("show-trails"), zones: on("show-zones"), hidden: this.hidden,
    };
  }

  shown(result) {
    if (this.selected !== null && !result.objects.some((object) => object.id === this.selected) && !this.waiting) this.select(null);
    this.showAge();
    $("undo").disabled = (this.selected ?? this.lastPrompted) === null;
    $("reset").disabled = result.objects.length === 0;
    this.objects.show(this.view, this.selected);
    if (result.objects.length === 0 && !this.waiting && $("hint").textContent === "") this.hint(START);
  }

  // The age grows while no frame follows.
  showAge() {
    if (this.view) $("age").textContent = age(this.view);
  }

  select(id) {
    this.selected = id;
    if (this.view) {
      this.view.selected = id;
      this.view.draw();
      this.objects.show(this.view, id);
    }
    this.hint(id === null ? START
      : `${this.nameOf(id)}: click to add to it, Shift-click or right-click to remove from it. “New object” (N) starts another.`);
  }

  nameOf(id) {
    return this.view?.result?.objects.find((object) => object.id === id)?.name ?? `Object ${id}`;
  }

  click(x, y, label, object) {
    if (object && object.id !== this.selected && label === 1) return this.select(object.id);
    if (this.selected === null && label === 0) return this.hint("Select an object before you remove a part of it.", true);
    const prompt = { points: [[x, y]], labels: [label] };
    if (this.selected !== null) prompt.object_id = this.selected;
    this.prompt(prompt, { x, y, kind: label ? "add" : "remove" });
  }

  box(box) {
    const [x, y] = centre(box);
    this.prompt({ box: box.map(Math.round) }, { x, y, kind: "add" });
  }

  async prompt(prompt, mark) {
    const view = this.view;
    view.marks.push(mark);
    view.draw();
    this.waiting = true;
    await this.act(async () => {
      const { object_id: id } = await request("POST", this.path("/prompts"), prompt);
      this.lastPrompted = id;
      if (this.view === view) this.select(id);
    });
    this.waiting = false;
    view.marks = view.marks.filter((each) => each !== mark);
    view.draw();
  }

  undo() {
    const id = this.selected ?? this.lastPrompted;
    if (id === null) return;
    this.act(() => request("POST", this.path(`/objects/${id}/undo`)), `The last prompt of ${this.nameOf(id)} was undone.`);
  }

  remove(id) {
    const name = this.nameOf(id);
    if (id === this.selected) this.select(null);
    if (id === this.lastPrompted) this.lastPrompted = null;
    this.act(() => request("DELETE", this.path(`/objects/${id}`)), `${name} was removed.`);
  }

  look(object, look) {
    this.act(() => request("PATCH", this.path(`/objects/${object.id}`), look));
  }

  pause() {
    this.act(() => request("POST", this.path(this.view.status?.paused ? "/resume" : "/pause")));
  }

  async removeCamera() {
    if (!confirm(`Remove the camera ${this.name}?`)) return;
    await this.act(() => request("DELETE", this.path()));
    location.hash = "";
  }

  // Runs an action, and shows its result or its error.
  async act(action, done) {
    try {
      await action();
      if (done) this.hint(done);
    } catch (error) {
      this.hint(error.message, true);
    }
  }

  hint(text, bad = false) {
    $("hint").textContent = text;
    $("hint").classList.toggle("bad", bad);
  }

  key(event) {
    if (!this.view || event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      n: () => this.select(null), z: () => this.undo(), p: () => this.pause(),
      Delete: () => this.selected !== null && this.remove(this.selected),
      Escape: () => (this.selected === null ? (location.hash = "") : this.select(null)),
    };
    const number = /^[1-9]$/.test(event.key) ? this.view.result?.objects[Number(event.key) - 1]?.id : undefined;
    if (number !== undefined) this.select(number);
    else if (keys[event.key] ?? keys[event.key.toLowerCase()]) (keys[event.key] ?? keys[event.key.toLowerCase()])();
    else return;
    event.preventDefault();
  }
}

export function showBadge(element, status) {
  const { text, kind } = badge(status);
  element.textContent = text;
  element.className = `badge ${kind}`;
}
