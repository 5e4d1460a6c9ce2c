// Places on the page and in the frame. No DOM.
const STEP = 0.02;  // of the frame's width, for an arrow key

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
export const inside = ([x, y], { width, height }) => [clamp(x, 0, width - 1), clamp(y, 0, height - 1)];

// The pixel of the frame at a place on the page. The canvas keeps the frame's shape, so it may have bars at its sides.
export function pixelAt(clientX, clientY, rectangle, size) {
  const scale = Math.min(rectangle.width / size.width, rectangle.height / size.height);
  const x = (clientX - rectangle.left - (rectangle.width - size.width * scale) / 2) / scale;
  const y = (clientY - rectangle.top - (rectangle.height - size.height * scale) / 2) / scale;
  return inside([x, y], size);
}

export function boxAround([ax, ay], [bx, by]) {
  return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
}

export const centre = ([x0, y0, x1, y1]) => [(x0 + x1) / 2, (y0 + y1) / 2];

// Where an arrow key moves the cross; null for another key. Ctrl moves it a tenth as far.
export function moved([x, y], key, ctrlKey, size) {
  const step = size.width * STEP * (ctrlKey ? 0.1 : 1);
  const steps = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  return steps[key] ? inside([x + steps[key][0], y + steps[key][1]], size) : null;
}

// The square around a box with a margin, as { x, y, side }.
export function squareAround([x0, y0, x1, y1], margin) {
  const side = Math.max(x1 - x0, y1 - y0) * (1 + 2 * margin), [x, y] = centre([x0, y0, x1, y1]);
  return { x: x - side / 2, y: y - side / 2, side };
}
