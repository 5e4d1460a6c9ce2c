// The HTTP API. A rejected request throws an Error with the server's own line.
const ROOT = new URL("api/v1/", document.baseURI);

export async function request(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(new URL(path, ROOT), options);
  } catch {
    throw new Error("The server does not answer.");
  }
  if (answer.status === 401) location.href = "login";
  if (answer.status === 204) return null;
  const fields = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
  if (!answer.ok) throw new Error(fields.error ?? `The server answered ${answer.status}.`);
  return fields;
}

export const get = (path) => request("GET", path);
export const cameraPath = (name, rest = "") => `cameras/${encodeURIComponent(name)}${rest}`;

export function resultsUrl(name, images, width) {
  const url = new URL(cameraPath(name, "/results"), ROOT);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("images", images);
  if (width) url.searchParams.set("width", width);
  return url;
}
