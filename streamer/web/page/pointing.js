// Mouse, touch and keyboard on the image become clicks and boxes, in pixels of the frame.
import { boxAround, moved, pixelAt } from "./geometry.js";
import { isInside } from "./masks.js";

const DRAG_PX = 8;  // of the page: a shorter movement is a click
const HOLD_MS = 550;  // a longer touch removes from the object

export class Pointing {
  // `onClick(x, y, label, object)` with the object at that place, if any; `onBox([x0, y0, x1, y1])`; `removes()`: whether a click removes.
  constructor(view, { onClick, onBox, removes }) {
    Object.assign(this, { view, onClick, onBox, removes, start: null, cross: null });
    const canvas = view.canvas;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.cross = null; this.mark(); });
  }

  place(event) {
    return pixelAt(event.clientX, event.clientY, this.view.canvas.getBoundingClientRect(), this.view.canvas);
  }

  down(event) {
    if (event.button > 2) return;
    event.preventDefault();
    this.view.canvas.focus({ preventScroll: true });
    this.view.canvas.setPointerCapture(event.pointerId);
    this.start = { at: this.place(event), client: [event.clientX, event.clientY], time: performance.now(), box: null };
  }

  move(event) {
    if (!this.start) return;
    const apart = Math.hypot(event.clientX - this.start.client[0], event.clientY - this.start.client[1]);
    if (apart < DRAG_PX && !this.start.box) return;
    this.start.box = boxAround(this.start.at, this.place(event));
    this.mark();
  }

  up(event) {
    if (!this.start) return;
    const { at, box, time } = this.start;
    const held = event.pointerType === "touch" && performance.now() - time > HOLD_MS;
    this.cancel();
    if (!box) this.click(at, event.shiftKey || event.button === 2 || held);
    else if (box[2] - box[0] >= 2 && box[3] - box[1] >= 2) this.onBox(box);
  }

  cancel() {
    this.start = null;
    this.mark();
  }

  click([x, y], removes) {
    const object = this.view.result?.objects.find((each) => isInside(each, x, y)) ?? null;
    this.onClick(x, y, removes || this.removes() ? 0 : 1, object);
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
    if (this.start?.box) this.view.marks.push({ kind: "box", box: this.start.box });
    if (this.cross) this.view.marks.push({ kind: "cross", x: this.cross[0], y: this.cross[1] });
    this.view.draw();
  }
}
