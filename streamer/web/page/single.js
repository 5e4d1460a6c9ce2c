// One camera, where objects are pointed at.
import { ask, camera as path } from "./api.js";
import { Objects } from "./objects.js";
import { Pointing } from "./pointing.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const BOXED = ["opacity", "show-picture", "show-outline", "show-labels", "show-trails", "show-zones"];
const START = "Click on something to track it, or drag a box around it.";

export class Single {
  constructor() {
    this.view = null;
    this.hidden = new Set();
    this.timeline = new Timeline($("events"), $("media"));
    this.objects = new Objects($("objects"), {
      select: (id) => this.select(id === this.selected ? null : id),
      rename: (object, name) => this.look(object, { name, colour: object.colour }),
      colour: (object, colour) => this.look(object, { name: object.name, colour }),
      remove: (id) => this.remove(id),
      hide: (id, hide) => { this.hidden[hide ? "add" : "delete"](id); this.view.draw(); },
    });
    for (const id of BOXED) $(id).addEventListener("input", () => this.view?.draw());
    $("pictures").value = "VideoDecoder" in window ? localStorage.pictures ?? "jpeg" : "jpeg";
    $("pictures").querySelector("[value=h264]").disabled = !("VideoDecoder" in window);  // wants https, or this machine
    $("pictures").addEventListener("change", () => { localStorage.pictures = $("pictures").value; this.open(this.name); });
    $("new").addEventListener("click", () => this.select(null));
    $("undo").addEventListener("click", () => this.undo());
    $("pause").addEventListener("click", () => this.pause());
    $("reset").addEventListener("click", () => this.act(() => ask("DELETE", path(this.name, "/objects")), "All objects are removed."));
    $("remove-camera").addEventListener("click", () => this.removeCamera());
    document.addEventListener("keydown", (event) => this.key(event));
  }

  open(name) {
    this.close();
    this.name = name;
    this.lastPrompted = null;
    $("single").hidden = false;
    $("camera-name").textContent = name;
    this.view = new View(name, {
      pictures: $("pictures").value,
      label: `Live picture of ${name}: arrow keys move a cross, Enter points, Shift and Enter takes away`,
      drawing: () => this.drawing(),
      onResult: (result) => this.shown(result),
      onEvent: () => this.timeline.soon(),
    });
    $("picture").replaceChildren(this.view.element);
    new Pointing(this.view, {
      onClick: (x, y, label, object) => this.click(x, y, label, object),
      onBox: (box) => this.prompt({ box: box.map(Math.round) }, "a box", { x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2, kind: "add" }),
      takes: () => document.querySelector("[name=mode]:checked").value === "take",
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

  // What the server says of the camera.
  update(status) {
    if (!this.view) return;
    this.view.status = status;
    this.view.zones = status.settings.zones;
    this.view.check();
    badge($("badge"), status);
    $("pause").textContent = status.paused ? "Go on tracking" : "Pause tracking";
  }

  drawing() {
    const on = (id) => $(id).checked;
    return {
      opacity: $("opacity").value / 100, picture: on("show-picture"), outline: on("show-outline"), labels: on("show-labels"),
      trails: on("show-trails"), zones: on("show-zones"), hidden: this.hidden,
    };
  }

  shown(result) {
    if (this.selected !== null && !result.objects.some((object) => object.id === this.selected) && !this.waiting) this.select(null);
    $("age").textContent = `${Math.max(0, Math.round(result.ageMs()))} ms old`;
    $("undo").disabled = (this.selected ?? this.lastPrompted) === null;
    $("reset").disabled = result.objects.length === 0;
    this.objects.show(this.view, this.selected);
    if (result.objects.length === 0 && !this.waiting && $("hint").textContent === "") this.hint(START);
  }

  select(id) {
    this.selected = id;
    if (this.view) {
      this.view.selected = id;
      this.view.draw();
      this.objects.show(this.view, id);
    }
    this.hint(id === null ? START
      : `${this.nameOf(id)}: click to add to it, Shift-click or right-click to take away from it. “New object” (N) points at another.`);
  }

  nameOf(id) {
    return this.view?.result?.objects.find((object) => object.id === id)?.name ?? `Object ${id}`;
  }

  click(x, y, label, object) {
    if (object && object.id !== this.selected && label === 1) return this.select(object.id);
    if (this.selected === null && label === 0) return this.hint("Choose the object first that something is to be taken away from.", true);
    const prompt = { points: [[x, y]], labels: [label] };
    if (this.selected !== null) prompt.object_id = this.selected;
    this.prompt(prompt, label ? "a click" : "a click that takes away", { x, y, kind: label ? "add" : "take" });
  }

  async prompt(prompt, what, mark) {
    const view = this.view;
    view.marks.push(mark);
    view.draw();
    this.waiting = true;
    await this.act(async () => {
      const { object_id: id } = await ask("POST", path(this.name, "/prompts"), prompt);
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
    this.act(() => ask("POST", path(this.name, `/objects/${id}/undo`)), `The last thing that was shown of ${this.nameOf(id)} is taken back.`);
  }

  remove(id) {
    const name = this.nameOf(id);
    if (id === this.selected) this.select(null);
    if (id === this.lastPrompted) this.lastPrompted = null;
    this.act(() => ask("DELETE", path(this.name, `/objects/${id}`)), `${name} is removed.`);
  }

  look(object, look) {
    this.act(() => ask("PATCH", path(this.name, `/objects/${object.id}`), look));
  }

  pause() {
    this.act(() => ask("POST", path(this.name, this.view.status?.paused ? "/resume" : "/pause")));
  }

  async removeCamera() {
    if (!confirm(`Remove the camera ${this.name}?`)) return;
    await this.act(() => ask("DELETE", path(this.name)));
    location.hash = "";
  }

  // Do it, and say in words what came of it.
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

// How a camera does, in a word.
export function badge(element, status) {
  const [text, kind] = status.state !== "running" ? [status.state, "bad"]
    : status.paused ? ["paused", "warn"] : !status.live ? ["no picture", "bad"] : [`live, ${status.quality.fps} fps`, ""];
  element.textContent = text;
  element.className = `badge ${kind}`;
}


