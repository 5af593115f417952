/** The board: key figures, charts in groups, the newest runs. What is there is updated in place. */

import { filters, go } from "./address.js";
import { Card } from "./cards.js";
import { button, h, labelled, select, unique } from "./elements.js";
import { runList } from "./runs.js";

/** @param {import("./types.js").Kpi[]} kpis */
function tiles(kpis) {
  const found = kpis.map((each) => h("div", { class: "tile", title: each.about || null }, h("dt", {}, each.label), h("dd", {}, each.value)));
  return h("dl", { class: "tiles", "aria-label": "Key figures" }, ...found);
}

/** A box that filters the sequences of tools. */
function finder() {
  const field = h("input", { type: "search", name: "find", value: filters().find ?? "", placeholder: "part of a tool's name", autocomplete: "off" });
  const form = h("form", { class: "row", role: "search", "aria-label": "Find sequences of tools" }, labelled("Sequences with", field), h("button", { type: "submit" }, "Find"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go({ find: field.value.trim() });
  });
  return form;
}

/** @param {import("./types.js").Board} board */
function versions(board) {
  const now = filters();
  const choices = [{ value: "", label: "Choose" }, ...(board.choices.version ?? [])];
  if (choices.length < 3 && !now.version_a) return null;
  const pick = (/** @type {string} */ name, /** @type {string} */ label) => labelled(label, select(choices, now[name] ?? "", (value) => go({ [name]: value })));
  return h("div", { class: "row" }, pick("version_a", "Version A"), pick("version_b", "Version B"));
}

/** Everything below the filters. */
export class BoardView {
  constructor() {
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    this.looked = h("span");
    this.said = h("span", { role: "status", id: "said" });
    this.kpis = h("div");
    this.grids = h("div", { class: "groups" });
    this.runs = h("div");
    this.element = h("div", { class: "board" }, h("div", { class: "row looked" }, this.looked, this.said), this.kpis, this.grids, this.runs);
    this.layout = "";
    /** @type {import("./types.js").Chart[]} what was read after the first part, also before a filter changed */
    this.later = [];
    /** @type {import("./types.js").Board | null} */
    this.board = null;
  }

  /**
   * Show the first part; the charts of the other stay, marked, until they are read.
   * @param {import("./types.js").Board} first
   */
  update(first) {
    const board = { ...first, charts: [...first.charts, ...this.later] };
    this.board = first;
    this.looked.textContent = board.everybody ? `Everybody's runs · ${board.looked_at}` : board.looked_at;
    this.kpis.replaceChildren(board.empty ? h("p", { class: "empty" }, board.empty) : tiles(board.kpis));
    this.place(board);
    for (const chart of board.empty ? [] : board.charts) this.cards.get(chart.name)?.update(chart, { isStale: this.later.includes(chart), fixed: board.fixed });
    const focused = document.activeElement?.getAttribute("data-run");
    const scroll = this.runs.querySelector(".table")?.scrollTop ?? 0;
    this.runs.replaceChildren(...(board.runs.rows.length ? [runList(board.runs, board.everybody)] : []));
    const list = this.runs.querySelector(".table");
    if (list) list.scrollTop = scroll;
    if (focused) /** @type {HTMLElement | null} */ (this.runs.querySelector(`[data-run="${CSS.escape(focused)}"]`))?.focus({ preventScroll: true });
  }

  /**
   * Say what happens with the board.
   * @param {string} text
   * @param {string} title
   */
  say(text, title = "") {
    this.said.textContent = text;
    this.said.title = title;
  }

  /**
   * Show the other charts.
   * @param {import("./types.js").Chart[]} charts
   */
  add(charts) {
    this.later = charts;
    if (!this.board) return;
    const board = { ...this.board, charts: [...this.board.charts, ...charts] };
    this.place(board);
    for (const chart of charts) this.cards.get(chart.name)?.update(chart, { fixed: board.fixed });
  }

  /**
   * Make room for the charts, where it is not there yet.
   * @param {import("./types.js").Board} board
   */
  place(board) {
    const layout = JSON.stringify([board.charts.map((each) => [each.name, each.group]), board.choices.version, filters(), Boolean(board.empty)]);
    if (layout !== this.layout) this.arrange(board);
    this.layout = layout;
  }

  /** @param {import("./types.js").Board} board */
  arrange(board) {
    const groups = board.empty ? [] : [...new Set(board.charts.map((each) => each.group))];
    const focused = this.grids.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    this.grids.replaceChildren(...groups.map((group) => this.group(group, board)));
    const name = focused?.getAttribute("name");
    const again = focused?.isConnected ? focused : name ? /** @type {HTMLElement | null} */ (this.grids.querySelector(`[name="${name}"]`)) : null;
    again?.focus({ preventScroll: true });
  }

  /**
   * @param {string} group
   * @param {import("./types.js").Board} board
   */
  group(group, board) {
    const id = unique("group");
    const mine = board.charts.filter((each) => each.group === group);
    const own = [mine.some((each) => each.parameters.find !== undefined) && finder(), mine.some((each) => each.parameters.version_a !== undefined) && versions(board)];
    const grid = h("div", { class: "grid" }, ...mine.map((each) => this.card(each.name).element));
    return h("section", { class: `of-${mine.length}`, "aria-labelledby": id }, h("h2", { id }, group), ...own.filter((each) => each), grid);
  }

  /** @param {string} name */
  card(name) {
    const found = this.cards.get(name) ?? new Card(filters);
    this.cards.set(name, found);
    return found;
  }

  /**
   * Say that nothing could be read, in place of what is not known.
   * @param {string} message
   * @param {() => void} again
   */
  refuse(message, again) {
    return h("div", { class: "empty", role: "alert" }, h("p", { class: "bad" }, message), button("Retry", again, { class: "primary" }));
  }
}
