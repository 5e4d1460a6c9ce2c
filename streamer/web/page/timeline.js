// Events, the newest first, with their snapshots and clips.
import { get } from "./api.js";

const DELAY_MS = 400, RELOAD_MS = 5000, MAX_EVENTS = 40;

export class Timeline {
  constructor(list, dialog) {
    Object.assign(this, { list, dialog, camera: null });
    dialog.addEventListener("close", () => this.dialog.querySelector("video").removeAttribute("src"));
  }

  watch(camera) {
    this.camera = camera;
    this.list.replaceChildren();
    clearInterval(this.timer);
    if (camera === null) return;
    this.load();
    this.timer = setInterval(() => this.load(), RELOAD_MS);  // clips are written some seconds after their events
  }

  soon() {
    clearTimeout(this.next);
    this.next = setTimeout(() => this.load(), DELAY_MS);
  }

  async load() {
    const camera = this.camera;
    if (camera === null || document.hidden) return;
    const { events } = await get(`events?limit=${MAX_EVENTS}&camera=${encodeURIComponent(camera)}`).catch(() => ({ events: null }));
    if (events === null || camera !== this.camera) return;
    const known = new Map([...this.list.children].map((item) => [item.dataset.key, item]));
    this.list.replaceChildren(...events.map((event) => {
      const key = `${event.id} ${event.files.join()}`;
      return known.get(key) ?? this.item(event, key);
    }));
  }

  item(event, key) {
    const item = document.createElement("li"), time = document.createElement("time");
    item.dataset.key = key;
    item.className = event.event;
    const at = new Date(event.wall_ns / 1e6);
    time.dateTime = at.toISOString();
    time.textContent = at.toLocaleTimeString();
    item.append(time, event.message);
    for (const [file, text] of [["snapshot.jpg", "Snapshot"], ["clip.mp4", "Clip"]]) {
      if (!event.files.includes(file)) continue;
      const button = document.createElement("button");
      button.textContent = text;
      button.addEventListener("click", () => this.open(event, file));
      item.append(button);
    }
    return item;
  }

  open(event, file) {
    const url = `api/v1/events/${event.id}/${file}`, video = this.dialog.querySelector("video"), image = this.dialog.querySelector("img");
    this.dialog.querySelector("h2").textContent = event.message;
    video.hidden = file !== "clip.mp4";
    image.hidden = !video.hidden;
    if (image.hidden) video.src = url;
    else image.src = url;
    this.dialog.showModal();
  }
}
