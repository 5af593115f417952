/** The page: reads the board when the address changes, and every few seconds while it is live. */

import { filters } from "./address.js";
import { readBoard } from "./asking.js";
import { BoardView } from "./board.js";
import { h } from "./elements.js";
import { FilterRow, themes } from "./filters.js";
import { prepare } from "./plotting.js";
import { Inspector } from "./runs.js";

const LIVE_MS = 5000;
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const top = /** @type {HTMLElement} */ (document.getElementById("top"));
const board = new BoardView();
const row = new FilterRow({ refresh: () => void load(), live: () => wait() });
const place = h("div");
const inspector = new Inspector();
let isFirst = true;
/** @type {AbortController | undefined} */
let asking;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let asked = "";

/**
 * Read the board and show it.
 * @param {{isAgain?: boolean}} options `isAgain` where nothing new need not be shown
 */
async function load({ isAgain = false } = {}) {
  asking?.abort();
  const mine = (asking = new AbortController());
  asked = JSON.stringify(filters());
  main.setAttribute("aria-busy", "true");
  if (!isAgain) board.say("Reading…");
  try {
    const options = { signal: mine.signal, isAgain };
    const found = await readBoard(filters(), { ...options, part: "first" });
    if (found) show(found);
    const more = found && !found.empty ? await readBoard(filters(), { ...options, part: "later" }) : null;
    if (more) board.add(more.charts);
    if (more) performance.mark("all-shown");
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") return;
    refuse(/** @type {Error} */ (error).message);
  }
  if (mine !== asking) return;
  main.removeAttribute("aria-busy");
  wait();
}

/** @param {import("./types.js").Board} found */
function show(found) {
  if (isFirst) main.replaceChildren(row.element, place, board.element);
  isFirst = false;
  place.replaceChildren();
  row.update(found);
  board.update(found);
  board.say(`Read at ${new Date(found.as_of).toISOString().slice(11, 19)} UTC`, new Date(found.as_of).toLocaleString());
  performance.mark("board-shown");
}

/** @param {string} message */
function refuse(message) {
  const told = board.refuse(message, () => void load());
  if (isFirst) main.replaceChildren(told);
  else place.replaceChildren(told);
  board.say("");
  row.live.checked = false;  // what fails is said once
}

/** Come back later where the page is live and somebody sees it. */
function wait() {
  clearTimeout(timer);
  const isSeen = document.visibilityState === "visible";
  if (row.live.checked && isSeen) timer = setTimeout(() => void load({ isAgain: true }), LIVE_MS);
}

document.addEventListener("visibilitychange", () => {
  if (row.live.checked && document.visibilityState === "visible") void load({ isAgain: true });
  else wait();
});
document.addEventListener("went", () => {
  if (JSON.stringify(filters()) !== asked) void load();
});
top.replaceChildren(h("h1", {}, "Agent runs"), h("span", { class: "dim who" }, `of ${document.body.dataset.name}`), themes());
void load().then(() => inspector.follow());
prepare();
