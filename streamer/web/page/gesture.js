// Fingers and the mouse as clicks, holds and boxes. No DOM: places and times go in, gestures come out.
export const DRAG_PX = 8;  // of the page: a shorter movement is a click
export const HOLD_MS = 550;  // a longer touch removes from the object

export class Gesture {
  constructor() {
    this.pointers = new Map();
    this.spoilt = false;  // by a second finger, or by the browser, which scrolls: until all fingers are up
    this.start = null;
  }

  // `drags`: whether a movement draws a box. A finger that may scroll does not.
  down(id, place, timeMs, { touch = false, drags = true } = {}) {
    this.pointers.set(id, place);
    if (this.pointers.size > 1) {
      this.spoilt = true;
      this.start = null;
    } else if (!this.spoilt) {
      this.start = { id, place, timeMs, touch, drags, moved: false };
    }
  }

  // Returns whether a box is being drawn.
  move(id, place) {
    const { start } = this;
    if (!start || start.id !== id) return false;
    if (Math.hypot(place[0] - start.place[0], place[1] - start.place[1]) >= DRAG_PX) start.moved = true;
    return start.moved && start.drags;
  }

  // "click", "hold" or "box"; null for what is none of these.
  up(id, timeMs) {
    const { start } = this;
    this.pointers.delete(id);
    if (this.pointers.size === 0) this.spoilt = false;
    if (!start || start.id !== id) return null;
    this.start = null;
    if (start.moved) return start.drags ? "box" : null;
    return start.touch && timeMs - start.timeMs > HOLD_MS ? "hold" : "click";
  }

  cancel(id) {
    this.pointers.delete(id);
    this.start = null;
    this.spoilt = this.pointers.size > 0;
  }
}
