// The HTTP API; a refusal is an Error with the server's own line.
const ROOT = new URL("api/v1/", document.baseURI);

export async function ask(method, path, body) {
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

export const get = (path) => ask("GET", path);
export const camera = (name, rest = "") => `cameras/${encodeURIComponent(name)}${rest}`;

export function resultsUrl(name, pictures, width) {
  const url = new URL(camera(name, "/results"), ROOT);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("pictures", pictures);
  if (width) url.searchParams.set("width", width);
  return url;
}
