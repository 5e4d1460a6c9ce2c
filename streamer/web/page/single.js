// The view of one camera, where the user prompts objects.
import { cameraPath, request } from "./api.js";
import { Choices } from "./choices.js";
import { centre } from "./geometry.js";
import { Objects } from "./objects.js";
import { Pointing } from "./pointing.js";
import { age, badge, losses } from "./state.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
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
    this.choices = new Choices({ onDrawing: () => this.view?.draw(), onImages: () => this.open(this.name) });
    for (const input of document.querySelectorAll("[name=mode]")) input.addEventListener("change", () => this.showMode());
    $("new").addEventListener("click", () => this.select(null));
    $("undo").addEventListener("click", () => this.undo());
    $("pause").addEventListener("click", () => this.pause());
    $("reset").addEventListener("click", () => this.act(() => request("DELETE", this.path("/objects")), "All objects were removed."));
    $("remove-camera").addEventListener("click", () => this.removeCamera());
    document.addEventListener("keydown", (event) => this.key(event));
    setInterval(() => this.showAge(), AGE_MS);
  }

  get mode() {
    return document.querySelector("[name=mode]:checked").value;
  }

  showMode() {
    $("live").classList.toggle("boxes", this.mode === "box");
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
    this.showMode();
    this.waiting = false;
    $("single").hidden = false;
    $("camera-name").textContent = name;
    this.view = new View(name, {
      images: this.choices.images,
      width: () => $("live").clientWidth * devicePixelRatio,
      onUndecodable: (codec) => this.withoutVideo(codec),
      label: `Live image of ${name}: arrow keys move a cross, Enter prompts, Shift and Enter removes from the object`,
      drawing: () => ({ ...this.choices.drawing(), hidden: this.hidden }),
      onResult: (result) => this.shown(result),
      onEvent: () => this.timeline.soon(),
    });
    $("live").replaceChildren(this.view.element);
    new Pointing(this.view, {
      onClick: (x, y, label, object) => this.click(x, y, label, object),
      onBox: (box) => this.box(box),
      mode: () => this.mode,
    });
    this.timeline.watch(name);
    this.select(null);
  }

  // The browser cannot decode the video: JPEG works everywhere.
  withoutVideo(codec) {
    this.choices.withoutVideo();
    this.open(this.name);
    this.hint(`This browser cannot decode ${codec}, so the frames come as JPEG.`, true);
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

  shown(result) {
    if (this.selected !== null && !result.objects.some((object) => object.id === this.selected) && !this.waiting) this.select(null);
    this.showAge();
    $("undo").disabled = !result.objects.some((object) => object.id === (this.selected ?? this.lastPrompted));
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

  // One prompt at a time: the second click of a double click belongs to the first.
  async prompt(prompt, mark) {
    if (this.waiting) return;
    const view = this.view;
    view.marks.push(mark);
    view.draw();
    this.waiting = true;
    await this.act(async () => {
      if (view.status?.paused) await request("POST", this.path("/resume"));  // who points at an object wants it tracked
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
    if (!this.view || takesText(event.target) || document.querySelector("dialog[open]")) return;
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

// Whether keys that are pressed there are its own: a text, a list. Those of a checkbox or a button are not.
function takesText(element) {
  if (!element.matches("input, select, textarea")) return false;
  return !["checkbox", "radio", "button", "range", "color"].includes(element.type);
}

export function showBadge(element, status) {
  const { text, kind } = badge(status);
  element.textContent = text;
  element.className = `badge ${kind}`;
}
