// Mouse, touch and keyboard on a picture become clicks and boxes, in pixels of the picture.
import { isInside } from "./masks.js";

const DRAG_PX = 8;  // of the page: less is a click
const HOLD_MS = 550;  // a finger that rests takes away
const STEP = 0.02;  // of the picture's width, for arrow keys

export class Pointing {
  // `onClick(x, y, label, object)` with the object there, if there is one; `onBox([x0, y0, x1, y1])`; `takes()`: a click takes away.
  constructor(view, { onClick, onBox, takes }) {
    Object.assign(this, { view, onClick, onBox, takes, start: null, cross: null });
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

  // The place in the picture; the canvas may have bars at its sides.
  place(event) {
    const { canvas } = this.view, frame = canvas.getBoundingClientRect();
    const scale = Math.min(frame.width / canvas.width, frame.height / canvas.height);
    const x = (event.clientX - frame.left - (frame.width - canvas.width * scale) / 2) / scale;
    const y = (event.clientY - frame.top - (frame.height - canvas.height * scale) / 2) / scale;
    return [Math.min(Math.max(x, 0), canvas.width - 1), Math.min(Math.max(y, 0), canvas.height - 1)];
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
    const [x, y] = this.place(event), [x0, y0] = this.start.at;
    this.start.box = [Math.min(x, x0), Math.min(y, y0), Math.max(x, x0), Math.max(y, y0)];
    this.mark();
  }

  up(event) {
    if (!this.start) return;
    const { at, box, time } = this.start;
    const held = event.pointerType === "touch" && performance.now() - time > HOLD_MS;
    this.cancel();
    if (box) {
      if (box[2] - box[0] >= 2 && box[3] - box[1] >= 2) this.onBox(box);
      return;
    }
    this.click(at, event.shiftKey || event.button === 2 || held);
  }

  cancel() {
    this.start = null;
    this.mark();
  }

  click([x, y], takesAway) {
    const object = this.view.result?.objects.find((each) => isInside(each, x, y)) ?? null;
    this.onClick(x, y, takesAway || this.takes() ? 0 : 1, object);
  }

  key(event) {
    const { canvas } = this.view, step = canvas.width * STEP * (event.ctrlKey ? 0.1 : 1);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    this.cross ??= [canvas.width / 2, canvas.height / 2];
    if (moves[event.key]) {
      const [dx, dy] = moves[event.key];
      this.cross = [Math.min(Math.max(this.cross[0] + dx, 0), canvas.width - 1), Math.min(Math.max(this.cross[1] + dy, 0), canvas.height - 1)];
    } else if (event.key === "Enter") this.click(this.cross, event.shiftKey);
    else return;
    event.preventDefault();
    this.mark();
  }

  mark() {
    this.view.marks = this.view.marks.filter((mark) => mark.kind === "add" || mark.kind === "take");
    if (this.start?.box) this.view.marks.push({ kind: "box", box: this.start.box });
    if (this.cross) this.view.marks.push({ kind: "cross", x: this.cross[0], y: this.cross[1] });
    this.view.draw();
  }
}
