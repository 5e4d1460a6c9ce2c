// Masks as they are sent, and the colours of objects. No DOM.

// COCO's compressed run lengths (column by column) to one byte per pixel (row by row).
export function decodeRle(bytes, width, height) {
  const mask = new Uint8Array(width * height), runs = [];
  for (let at = 0; at < bytes.length; ) {
    let run = 0, shift = 0, group;
    do {
      group = bytes[at++] - 48;
      run |= (group & 31) << shift;
      shift += 5;
    } while (group & 32);
    if (group & 16) run |= -1 << shift;
    runs.push(runs.length > 2 ? run + runs[runs.length - 2] : run);
  }
  let position = 0;
  for (let number = 0; number < runs.length; number++) {
    const end = position + runs[number];
    if (number % 2) {
      let x = Math.floor(position / height), y = position % height;
      for (; position < end; position++) {
        mask[y * width + x] = 1;
        if (++y === height) { y = 0; x++; }
      }
    }
    position = end;
  }
  return mask;
}

// RGB of an id, by the rule of the server, so that recordings have the same colours.
export function colourOf(id) {
  const hue = (id * 0.618033988749895) % 1, sector = Math.floor(hue * 6), part = hue * 6 - sector;
  const low = 0.25, down = 1 - 0.75 * part, up = 1 - 0.75 * (1 - part);
  const rgb = [[1, up, low], [down, 1, low], [low, 1, up], [low, down, 1], [up, low, 1], [1, low, down]][sector % 6];
  return rgb.map((value) => Math.floor(value * 255));
}

export function rgbOf(object) {
  return object.colour ? [1, 3, 5].map((at) => parseInt(object.colour.slice(at, at + 2), 16)) : colourOf(object.id);
}

export const hex = (rgb) => `#${rgb.map((value) => value.toString(16).padStart(2, "0")).join("")}`;

// The pixels of the mask's box as an ImageData: the inside with this opacity, the outline solid.
export function paint(object, opacity, outline) {
  const [x0, y0, x1, y1] = object.box, width = x1 - x0, height = y1 - y0, mask = object.mask;
  const image = new ImageData(width, height), [r, g, b] = rgbOf(object), inside = Math.round(opacity * 255);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!mask[at]) continue;
      const rim = outline && (x === 0 || y === 0 || x === width - 1 || y === height - 1
        || !mask[at - 1] || !mask[at + 1] || !mask[at - width] || !mask[at + width]);
      image.data.set([r, g, b, rim ? 255 : inside], at * 4);
    }
  }
  return image;
}

export function isInside(object, x, y) {
  if (!object.box) return false;
  const [x0, y0, x1, y1] = object.box;
  return x >= x0 && x < x1 && y >= y0 && y < y1 && object.mask[Math.floor(y - y0) * (x1 - x0) + Math.floor(x - x0)] === 1;
}
