/** Tables of values as people read them. */

import { h } from "./elements.js";

const MOMENT = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d/;
const MAX_ROWS = 500;

/**
 * A value in words.
 * @param {any} value
 */
export function shown(value) {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return Number.isInteger(value) || Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toLocaleString("en", { maximumSignificantDigits: 3 });
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * The moment a text names, in the time of whoever reads; empty for other texts.
 * @param {string} text in UTC
 */
export function local(text) {
  if (!MOMENT.test(text)) return "";
  const at = new Date(/[Zz]$|[+-]\d\d(:?\d\d)?$/.test(text) ? text.replace(" ", "T") : `${text.replace(" ", "T")}Z`);
  return Number.isNaN(at.getTime()) ? "" : `${at.toLocaleString()} (${Intl.DateTimeFormat().resolvedOptions().timeZone})`;
}

/**
 * A name of a column as people read it.
 * @param {string} name
 */
function head(name) {
  return name.replace(/_utc$/, " (UTC)").replaceAll("_", " ");
}

/**
 * @param {any} value
 * @param {number} longest the largest number of a column that is drawn as bars, or 0
 */
function cell(value, longest) {
  const isNumber = typeof value === "number";
  const title = typeof value === "string" ? local(value) : "";
  const text = title ? h("time", { title, datetime: String(value) }, shown(value)) : shown(value);
  const bar = isNumber && longest > 0 ? h("meter", { min: 0, max: longest, value, "aria-hidden": "true" }) : null;
  return h("td", { class: isNumber ? "number" : null }, bar, text);
}

/**
 * A table with a caption; `pick` makes a row a way into something.
 * @param {string} caption
 * @param {import("./types.js").Rows} rows
 * @param {{bar?: string, hidden?: string[], pick?: (row: import("./types.js").Row) => HTMLElement}} options
 */
export function table(caption, { columns, rows }, { bar = "", hidden = [], pick } = {}) {
  const at = columns.indexOf(bar);
  const longest = at < 0 ? 0 : Math.max(0, ...rows.map((row) => Number(row[at]) || 0));
  const places = columns.map((name, place) => place).filter((place) => !hidden.includes(columns[place]));
  const isNumber = (/** @type {number} */ place) => rows.some((row) => typeof row[place] === "number");
  const heads = places.map((place) => h("th", { scope: "col", class: isNumber(place) ? "number" : null }, head(columns[place])));
  const lines = rows.slice(0, MAX_ROWS).map((row) => {
    const named = Object.fromEntries(columns.map((name, place) => [name, row[place]]));
    const first = pick ? h("td", {}, pick(named)) : null;
    return h("tr", {}, first, ...places.map((place) => cell(row[place], place === at ? longest : 0)));
  });
  const more = rows.length > MAX_ROWS ? h("p", { class: "dim" }, `The first ${MAX_ROWS} of ${rows.length} rows; a download has all.`) : null;
  return h(
    "div", { class: "table", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, pick ? h("th", { scope: "col" }, "open") : null, ...heads)), h("tbody", {}, ...lines)),
    more,
  );
}
