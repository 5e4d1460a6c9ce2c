// Mouse, touch and keyboard on the image become clicks and boxes, in pixels of the frame.
import { boxAround, moved, pixelAt } from "./geometry.js";
import { Gesture } from "./gesture.js";
import { isInside } from "./masks.js";

export class Pointing {
  // `onClick(x, y, label, object)` with the object at that place, if any; `onBox([x0, y0, x1, y1])`; `mode()`: what a click or a finger does.
  constructor(view, { onClick, onBox, mode }) {
    Object.assign(this, { view, onClick, onBox, mode, gesture: new Gesture(), at: null, drawn: null, cross: null });
    const canvas = view.canvas;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.cancel(event));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.cross = null; this.mark(); });
  }

  place(event) {
    return pixelAt(event.clientX, event.clientY, this.view.canvas.getBoundingClientRect(), this.view.canvas);
  }

  down(event) {
    if (event.button > 2) return;
    const touch = event.pointerType === "touch", drags = !touch || this.mode() === "box";
    if (!touch) event.preventDefault();
    this.view.canvas.focus({ preventScroll: true });
    this.gesture.down(event.pointerId, [event.clientX, event.clientY], performance.now(), { touch, drags });
    if (this.gesture.start === null) return this.clear();  // a second finger
    if (drags) this.view.canvas.setPointerCapture(event.pointerId);
    this.at = this.place(event);
  }

  move(event) {
    if (!this.gesture.move(event.pointerId, [event.clientX, event.clientY])) return;
    this.drawn = boxAround(this.at, this.place(event));
    this.mark();
  }

  up(event) {
    const kind = this.gesture.up(event.pointerId, performance.now()), { at, drawn } = this;
    this.clear();
    if (kind === "click" || kind === "hold") this.click(at, event.shiftKey || event.button === 2 || kind === "hold");
    else if (kind === "box" && drawn && drawn[2] - drawn[0] >= 2 && drawn[3] - drawn[1] >= 2) this.onBox(drawn);
  }

  cancel(event) {
    this.gesture.cancel(event.pointerId);
    this.clear();
  }

  clear() {
    this.drawn = null;
    this.mark();
  }

  click([x, y], removes) {
    const object = this.view.result?.objects.find((each) => isInside(each, x, y)) ?? null;
    this.onClick(x, y, removes || this.mode() === "remove" ? 0 : 1, object);
  }

  key(event) {
    const { canvas } = this.view;
    this.cross ??= [canvas.width / 2, canvas.height / 2];
    const cross = moved(this.cross, event.key, event.ctrlKey, canvas);
    if (cross) this.cross = cross;
    else if (event.key === "Enter") this.click(this.cross, event.shiftKey);
    else return;
    event.preventDefault();
    this.mark();
  }

  mark() {
    this.view.marks = this.view.marks.filter((mark) => mark.kind === "add" || mark.kind === "remove");
    if (this.drawn) this.view.marks.push({ kind: "box", box: this.drawn });
    if (this.cross) this.view.marks.push({ kind: "cross", x: this.cross[0], y: this.cross[1] });
    this.view.draw();
  }
}
