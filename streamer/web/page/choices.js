// How a user wants to see cameras: kept from one visit to the next.
import { store, stored } from "./storage.js";

const DRAWING = ["opacity", "show-image", "show-outline", "show-labels", "show-trails", "show-zones"];
const $ = (id) => document.getElementById(id);
const property = (input) => (input.type === "checkbox" ? "checked" : "value");

export class Choices {
  // `onDrawing()` and `onImages()`: the user has chosen something else.
  constructor({ onDrawing, onImages }) {
    const drawing = stored("drawing", {}), decodes = "VideoDecoder" in window;  // only with https or on localhost
    for (const input of DRAWING.map($)) {
      if (typeof drawing[input.id] === typeof input[property(input)]) input[property(input)] = drawing[input.id];
      input.addEventListener("input", () => { this.keep(); onDrawing(); });
    }
    $("images").value = decodes && stored("images", "jpeg") === "h264" ? "h264" : "jpeg";
    $("images").querySelector("[value=h264]").disabled = !decodes;
    $("images").addEventListener("change", () => { store("images", this.images); onImages(); });
  }

  get images() {
    return $("images").value;
  }

  keep() {
    store("drawing", Object.fromEntries(DRAWING.map($).map((input) => [input.id, input[property(input)]])));
  }

  withoutVideo() {
    $("images").value = "jpeg";
  }

  drawing() {
    const on = (id) => $(id).checked;
    return {
      opacity: $("opacity").value / 100, image: on("show-image"), outline: on("show-outline"), labels: on("show-labels"),
      trails: on("show-trails"), zones: on("show-zones"),
    };
  }
}
