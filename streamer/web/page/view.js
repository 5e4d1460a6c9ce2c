// The frames of one camera with their masks on a canvas, and a notice while they are not live.
import { centre } from "./geometry.js";
import { hex, paint, rgbOf } from "./masks.js";
import { notice, zoneLabel } from "./state.js";
import { Stream } from "./stream.js";

const TRAIL = 90;  // positions of an object that are drawn
const CHECK_MS = 500;

export class View {
  // `drawing()` gives what is drawn: { opacity, image, outline, labels, trails, zones, hidden }.
  constructor(camera, { width = null, images = "jpeg", drawing, onResult = () => {}, onEvent = () => {}, onUndecodable = () => {}, label }) {
    this.camera = camera;
    this.drawing = drawing;
    this.onResult = onResult;
    this.result = null;
    this.trails = new Map();
    this.zones = [];
    this.selected = null;
    this.marks = [];
    this.status = null;
    this.shownAt = performance.now();
    this.ageMs = null;  // of the frame when it was shown
    this.element = document.createElement("div");
    this.element.className = "view";
    this.canvas = document.createElement("canvas");
    this.canvas.width = 640;
    this.canvas.height = 360;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    this.notice = document.createElement("div");
    this.notice.className = "notice";
    this.notice.setAttribute("role", "status");
    this.element.append(this.canvas, this.notice);
    this.context = this.canvas.getContext("2d");
    this.image = document.createElement("canvas");  // the newest frame, to draw again and to crop
    this.layer = document.createElement("canvas");
    this.connected = false;
    this.stream = new Stream(camera, {
      images, width, onEvent, onUndecodable,
      onResult: (result, image) => this.show(result, image),
      onState: (open) => { this.connected = open; this.check(); },
    });
    this.timer = setInterval(() => this.check(), CHECK_MS);
    this.onVisibility = () => (document.hidden ? this.stream.suspend() : this.stream.resume());
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  close() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.stream.close();
    this.element.remove();
  }

  show(result, image) {
    this.result = result;
    this.shownAt = performance.now();
    this.ageMs = result.ageMs();
    const [width, height] = result.size;
    for (const each of [this.canvas, this.image]) {
      if (each.width !== width || each.height !== height) Object.assign(each, { width, height });
    }
    if (image) this.image.getContext("2d").drawImage(image, 0, 0, width, height);
    this.remember(result);
    this.draw();
    this.check();
    this.onResult(result);
  }

  remember(result) {
    const present = new Set(result.objects.map((object) => object.id));
    for (const id of this.trails.keys()) if (!present.has(id)) this.trails.delete(id);
    for (const { id, box, state } of result.objects) {
      const trail = this.trails.get(id) ?? [];
      if (box && state === "tracked") trail.push(centre(box));
      this.trails.set(id, trail.slice(-TRAIL));
    }
  }

  draw() {
    const { context, canvas, result } = this, drawing = this.drawing();
    context.globalAlpha = 1;
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (drawing.image) context.drawImage(this.image, 0, 0);
    if (!result) return;
    if (drawing.zones) this.drawZones();
    const visible = result.objects.filter((object) => !drawing.hidden?.has(object.id));
    for (const object of visible.filter((each) => each.mask)) this.drawMask(object, drawing);
    if (drawing.trails) for (const object of visible) this.drawTrail(object);
    if (drawing.labels) for (const object of visible.filter((each) => each.box)) this.drawLabel(object);
    this.drawMarks();
    Object.assign(canvas.dataset, { index: result.index, epoch: result.epoch, objects: result.objects.map((each) => each.id).join(" ") });
  }

  drawMask(object, drawing) {
    const image = paint(object, drawing.opacity, drawing.outline), [x, y] = object.box;
    Object.assign(this.layer, { width: image.width, height: image.height });
    this.layer.getContext("2d").putImageData(image, 0, 0);
    this.context.drawImage(this.layer, x, y);
    if (object.id === this.selected) {
      this.context.strokeStyle = "#fff";
      this.context.setLineDash([6, 4]);
      this.context.lineWidth = this.scale();
      this.context.strokeRect(x - 4, y - 4, image.width + 8, image.height + 8);
      this.context.setLineDash([]);
    }
  }

  drawTrail(object) {
    const trail = this.trails.get(object.id) ?? [];
    this.context.strokeStyle = hex(rgbOf(object));
    this.context.lineWidth = 2 * this.scale();
    this.context.beginPath();
    for (const [x, y] of trail) this.context.lineTo(x, y);
    this.context.stroke();
  }

  drawLabel(object) {
    const { context } = this, size = 14 * this.scale(), text = `${object.name ?? object.id}${object.state === "tracked" ? "" : ` ${object.state}`}`;
    context.font = `600 ${size}px system-ui, sans-serif`;
    const width = context.measureText(text).width + size * 0.7;
    const x = Math.min(object.box[0], this.canvas.width - width), y = Math.max(object.box[1] - size * 1.5, 0);
    context.fillStyle = "#000c";
    context.fillRect(x, y, width, size * 1.4);
    context.fillStyle = hex(rgbOf(object));
    context.fillText(text, x + size * 0.35, y + size * 1.05);
  }

  drawZones() {
    const { context, canvas } = this;
    context.lineWidth = 2 * this.scale();
    context.font = `${13 * this.scale()}px system-ui, sans-serif`;
    for (const { name, points } of this.zones) {
      context.strokeStyle = context.fillStyle = "#ffc14d";
      context.beginPath();
      for (const [x, y] of points) context.lineTo(x * canvas.width, y * canvas.height);
      if (points.length > 2) context.closePath();
      context.stroke();
      context.fillText(zoneLabel(name, points.length === 2, this.status?.zones), points[0][0] * canvas.width + 4, points[0][1] * canvas.height - 4);
    }
  }

  // The box being dragged, clicks that wait for their masks, and the cross of the keyboard.
  drawMarks() {
    const { context } = this, radius = 9 * this.scale();
    context.lineWidth = 2.5 * this.scale();
    for (const mark of this.marks) {
      context.strokeStyle = mark.kind === "remove" ? "#ff7a70" : "#fff";
      context.beginPath();
      if (mark.box) context.rect(mark.box[0], mark.box[1], mark.box[2] - mark.box[0], mark.box[3] - mark.box[1]);
      else if (mark.kind === "cross") {
        context.moveTo(mark.x - radius, mark.y); context.lineTo(mark.x + radius, mark.y);
        context.moveTo(mark.x, mark.y - radius); context.lineTo(mark.x, mark.y + radius);
      } else context.arc(mark.x, mark.y, radius, 0, 7);
      context.stroke();
    }
  }

  // Pixels of the frame in one pixel of the page.
  scale() {
    return Math.max(1, this.canvas.width / (this.canvas.clientWidth || this.canvas.width));
  }

  // An old frame must never look live.
  check() {
    const text = notice({ connected: this.connected, status: this.status, quietMs: this.quietMs, ageMs: this.ageMs });
    const paused = this.connected && this.status?.state === "running" && Boolean(this.status.paused);
    this.element.classList.toggle("stale", text !== "" && !paused);
    this.element.classList.toggle("paused", paused);
    if (this.notice.textContent !== text) this.notice.textContent = text;
  }

  // Milliseconds since the last frame was shown.
  get quietMs() {
    return performance.now() - this.shownAt;
  }
}
