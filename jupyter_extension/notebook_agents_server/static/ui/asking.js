/** Requests to the server that served this page, with the login of the browser. */

const HEADERS = { "X-Notebook-Agents-Page": "1" };

/** Why there is no answer, in words for the person. */
export class Refused extends Error {
  /**
   * @param {string} message
   * @param {number} status 0 where nobody answered
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @param {string} path */
function address(path) {
  return `${document.body.dataset.api}/${path}`;
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(address(path), { cache: "no-store", credentials: "same-origin", ...options });
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    throw new Refused("The server does not answer. Is it still running?", 0);
  }
  if (answer.ok || answer.status === 304) return answer;
  throw new Refused(await why(answer), answer.status);
}

/** @param {Response} answer */
async function why(answer) {
  if (answer.status === 401) return "Your login has ended. Load the page again to log in.";
  const told = await answer.json().catch(() => ({}));
  const message = told?.error?.message ?? told?.message ?? told?.detail;
  return typeof message === "string" ? message : `The server answered with the status ${answer.status}.`;
}

let seen = { query: "", tag: "" };

/**
 * A part of the board; null where nothing happened since it was read last.
 * @param {import("./types.js").Filters} filters
 * @param {{part: "first" | "later", signal?: AbortSignal, isAgain?: boolean}} options
 * @returns {Promise<import("./types.js").Board | null>}
 */
export async function readBoard(filters, { part, signal, isAgain = false }) {
  const query = new URLSearchParams({ ...filters, part }).toString();
  /** @type {Record<string, string>} */
  const headers = { ...HEADERS };
  if (isAgain && seen.query === query && seen.tag) headers["If-None-Match"] = seen.tag;
  const answer = await ask(`board?${query}`, { headers, signal });
  if (answer.status === 304) return null;
  if (part === "first") seen = { query, tag: answer.headers.get("ETag") ?? "" };
  return answer.json();
}

/**
 * One run.
 * @param {string} id
 * @returns {Promise<import("./types.js").Run>}
 */
export async function readRun(id) {
  return (await ask(`runs/${encodeURIComponent(id)}`, { headers: HEADERS })).json();
}

/**
 * @typedef {{chart: string, sql: string, filters: import("./types.js").Filters}} Question
 * @param {string} path
 * @param {object} body
 */
function post(path, body) {
  return ask(path, { method: "POST", headers: { ...HEADERS, "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/**
 * What a statement gives.
 * @param {Question} question
 * @returns {Promise<import("./types.js").Answer>}
 */
export async function readQuery(question) {
  return (await post("query", question)).json();
}

/**
 * Save what a statement gives as a file.
 * @param {Question} question
 * @param {"csv" | "parquet"} format
 */
export async function save(question, format) {
  const answer = await post("download", { ...question, format });
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = `${question.chart || "query"}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
