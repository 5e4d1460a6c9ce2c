// The list of a camera's objects: a crop, the state, the score, and buttons for each.
import { squareAround } from "./geometry.js";
import { hex, rgbOf } from "./masks.js";

const CROP = 144, MARGIN = 0.2, UPDATE_MS = 200;

export class Objects {
  // `on` has select(id), rename(object, name), colour(object, hex), remove(id), hide(id, hidden).
  constructor(list, on) {
    Object.assign(this, { list, on, items: new Map(), drawn: 0 });
  }

  show(view, selected) {
    const now = performance.now(), objects = view.result?.objects ?? [];
    const present = new Set(objects.map((object) => object.id));
    for (const [id, item] of this.items) if (!present.has(id)) { item.element.remove(); this.items.delete(id); }
    const crops = now - this.drawn > UPDATE_MS;
    if (crops) this.drawn = now;
    for (const object of objects) {
      const item = this.items.get(object.id) ?? this.add(object);
      item.object = object;
      const name = object.name ?? `Object ${object.id}`;
      if (item.name.textContent !== name) item.name.textContent = name;
      item.element.classList.toggle("selected", object.id === selected);
      item.name.setAttribute("aria-pressed", object.id === selected);
      item.element.style.setProperty("--colour", hex(rgbOf(object)));
      if (!crops) continue;
      item.state.textContent = `${object.state}, score ${object.score.toFixed(2)}`;
      item.state.className = `state-${object.state}`;
      if (object.box) crop(item.canvas, view.image, object.box);
    }
    this.list.classList.toggle("none", objects.length === 0);
  }

  clear() {
    this.list.replaceChildren();
    this.items.clear();
  }

  add(object) {
    const element = document.createElement("li");
    element.className = "object";
    element.innerHTML = `<canvas width="${CROP}" height="${CROP}" aria-hidden="true"></canvas><button class="name"></button><span></span>
      <div class="bar"><button class="rename">Rename</button><label><input type="color" class="colour" aria-label="Colour"></label>
      <label><input type="checkbox" class="visible" checked> Show</label><button class="remove">Remove</button></div>`;
    const [canvas, name, state] = element.children, item = { element, canvas, name, state, object };
    const act = (selector, kind, action) => element.querySelector(selector).addEventListener(kind, action);
    name.addEventListener("click", () => this.on.select(object.id));
    act(".rename", "click", () => this.rename(item));
    act(".colour", "input", (event) => this.on.colour(item.object, event.target.value));
    act(".visible", "change", (event) => this.on.hide(object.id, !event.target.checked));
    act(".remove", "click", () => this.on.remove(object.id));
    element.querySelector(".colour").value = hex(rgbOf(object));
    this.items.set(object.id, item);
    this.list.append(element);
    return item;
  }

  // The name becomes a text field until Enter, Escape, or a click elsewhere.
  rename(item) {
    const input = document.createElement("input");
    input.value = item.object.name ?? "";
    input.maxLength = 64;
    input.setAttribute("aria-label", `Name of object ${item.object.id}`);
    item.name.hidden = true;
    item.name.after(input);
    input.focus();
    let done = false;
    const finish = (keep) => {
      if (done) return;
      done = true;
      input.remove();
      item.name.hidden = false;
      if (keep) this.on.rename(item.object, input.value.trim() || null);
    };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") finish(event.key === "Enter");
    });
    input.addEventListener("blur", () => finish(true));
  }
}

function crop(canvas, image, box) {
  const { x, y, side } = squareAround(box, MARGIN), context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, CROP, CROP);
  context.drawImage(image, x, y, side, side, 0, 0, CROP, CROP);
}
