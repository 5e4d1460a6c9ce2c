// The state of a camera in words. No DOM: statuses and times go in, texts come out.
export const STALE_MS = 2500;  // without a new frame
const SLOW = 0.5;  // of the frames that could be tracked

// { text, kind }; kind is "", "warn" or "bad".
export function badge(status) {
  if (status.state !== "running") return { text: status.state, kind: "bad" };
  if (status.paused) return { text: "paused", kind: "warn" };
  if (!status.live) return { text: "no frames", kind: "bad" };
  const sourceFps = status.quality?.fps, trackedFps = status.fps_now;
  if (sourceFps === undefined || trackedFps === undefined) return { text: "live", kind: "" };
  if (trackedFps < SLOW * Math.min(sourceFps, status.max_fps ?? Infinity)) {
    return { text: `live, ${trackedFps} of ${sourceFps} fps`, kind: "warn" };
  }
  return { text: `live, ${trackedFps} fps`, kind: "" };
}

// What covers the image while it is not live; empty while it is.
export function notice({ connected, status, quietMs, ageMs = null }) {
  if (!connected) return "No connection to the server; reconnecting";
  if (status && status.state !== "running") {
    return `This camera has ${status.state === "failed" ? "failed" : "ended"}${status.error ? `: ${status.error}` : ""}`;
  }
  if (status?.paused) return "Tracking is paused; click on an object to go on";
  if (quietMs > STALE_MS) {
    const why = status?.last_event && !status.live ? `: ${status.last_event}` : "";
    return `No frames for ${Math.round(quietMs / 1000)} s${why}`;
  }
  return slowness(ageMs + quietMs);
}

function slowness(ageMs) {
  return ageMs > STALE_MS ? `These frames are ${(ageMs / 1000).toFixed(1)} s old: the connection is too slow for them` : "";
}

// The age of the frame on the screen, which grows while none follows. `ageMs` is its age when it was shown.
export function age({ connected, ageMs, quietMs }) {
  if (!connected || ageMs === null) return "age unknown";
  const nowMs = Math.max(0, ageMs) + quietMs;
  return nowMs < 1000 ? `${Math.round(nowMs)} ms old` : `${(nowMs / 1000).toFixed(1)} s old`;
}

// What sinks could not write, such as clips on a full disk; empty while nothing is lost.
export function losses(status) {
  const lost = Object.entries(status?.lost_by_sink ?? {}).filter(([, count]) => count > 0);
  return lost.length ? `Lost: ${lost.map(([sink, count]) => `${count} by ${sink}`).join(", ")}` : "";
}

export function summary(cameras) {
  return `${cameras.filter((camera) => camera.live).length} of ${cameras.length} cameras live`;
}

export function total(counts) {
  return Object.values(counts ?? {}).reduce((sum, count) => sum + count, 0);
}

export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

// A zone's name with its numbers; `figures` are those of the camera's status.
export function zoneLabel(name, isLine, figures) {
  const own = (figures ?? []).find((each) => each.zone === name);
  if (!own) return name;
  return isLine ? `${name}: ${own.to_left} to the left, ${own.to_right} to the right`
    : `${name}: ${own.inside} inside, ${own.entered} in, ${own.left} out`;
}

// How long to wait before the next attempt to connect.
export function retryMs(failures) {
  const waitsMs = [500, 1000, 2000, 5000];
  return waitsMs[Math.min(failures, waitsMs.length - 1)];
}
