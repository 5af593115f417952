/** What is looked at stands in the address, so that a view can be linked and the back button works. */

export const NAMES = ["days", "since", "until", "model", "source", "notebook", "user", "agent", "find", "version_a", "version_b", "everybody"];

/** @returns {import("./types.js").Filters} */
export function filters() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.filter((name) => query.get(name)).map((name) => [name, query.get(name) ?? ""]));
}

/** The run that is inspected. */
export function run() {
  return new URLSearchParams(location.search).get("run") ?? "";
}

/**
 * Go to another view.
 * @param {Record<string, string>} changes an empty text takes a filter away
 */
export function go(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  history.pushState(null, "", text ? `?${text}` : location.pathname);
  document.dispatchEvent(new CustomEvent("went"));
}

addEventListener("popstate", () => document.dispatchEvent(new CustomEvent("went")));
