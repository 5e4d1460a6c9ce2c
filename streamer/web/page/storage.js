// What a browser remembers of the user's choices. A browser that blocks storage remembers nothing, and works.
export function stored(key, fallback, storage = () => localStorage) {
  try {
    const text = storage().getItem(`streamer.${key}`);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;  // blocked, or written by something else
  }
}

export function store(key, value, storage = () => localStorage) {
  try {
    storage().setItem(`streamer.${key}`, JSON.stringify(value));
  } catch {
    // blocked or full: the choice holds until the page is closed
  }
}
