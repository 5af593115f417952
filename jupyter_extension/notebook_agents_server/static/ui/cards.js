/** A chart with what stands behind it: its table, its query, its files. */

import { go } from "./address.js";
import { readQuery, save } from "./asking.js";
import { button, h, unique } from "./elements.js";
import { Plot } from "./plotting.js";
import { table } from "./tables.js";

/**
 * What a click on a chart leads to: another filter, or a run.
 * @param {Record<string, any>} custom
 */
function follow(custom) {
  if (custom.run_id) go({ run: String(custom.run_id) });
  else go(Object.fromEntries(Object.entries(custom).map(([name, value]) => [name, value === null ? "" : String(value)])));
}

/** One chart of the board. */
export class Card {
  /** @param {() => import("./types.js").Filters} filters what the page looks at */
  constructor(filters) {
    this.filters = filters;
    /** @type {import("./types.js").Chart | null} */
    this.chart = null;
    /** @type {import("./types.js").Rows} */
    this.rows = { columns: [], rows: [] };
    this.isOwn = false;
    /** what the page put into the box: anything else there was written by the person */
    this.given = "";
    this.draft = "";
    this.plot = new Plot(follow);
    const id = unique("card");
    this.title = h("h3", { id });
    this.about = h("p", { class: "dim about" });
    this.note = h("p", { class: "note", role: "status" });
    this.body = h("div", { class: "body" });
    this.sql = h("textarea", { rows: 10, spellcheck: "false", wrap: "off", on: { keydown: (/** @type {KeyboardEvent} */ event) => this.press(event) } });
    this.parameters = h("pre", { class: "dim parameters" });
    this.said = h("p", { role: "alert", class: "bad" });
    const fixedId = unique("fixed");
    this.fixed = h("p", { id: fixedId, class: "dim" });
    this.sql.setAttribute("aria-describedby", fixedId);
    const editorId = unique("sql");
    this.run = button("Run", () => void this.ask(), { class: "primary", title: "Ctrl+Enter" });
    this.buttons = h("div", { class: "row" }, this.run, button("Reset", () => this.reset()));
    this.editor = h(
      "div", { class: "editor", id: editorId, hidden: true },
      h("label", {}, h("span", {}, "Query (DuckDB SQL, read-only)"), this.sql), this.fixed, this.parameters, this.buttons, this.said,
    );
    this.showsTable = button("Table", () => this.toggleTable(), { "aria-pressed": "false" });
    this.showsSql = button("SQL", () => this.toggleSql(), { "aria-expanded": "false", "aria-controls": editorId });
    this.files = h(
      "span", { class: "row" },
      button("CSV", () => void this.keep("csv"), { title: "Save the numbers as CSV" }),
      button("Parquet", () => void this.keep("parquet"), { title: "Save the numbers as Parquet" }),
    );
    this.element = h(
      "section", { class: "card", "aria-labelledby": id },
      this.title, this.about, this.body, this.note,
      h("div", { class: "row tools" }, this.showsTable, this.showsSql, this.files), this.editor,
    );
  }

  /**
   * Show what the board says; what the person wrote stays until it is reset, run or not.
   * @param {import("./types.js").Chart} chart
   * @param {{isStale?: boolean, fixed?: string}} options `isStale` where it is of an earlier look and
   *   will soon be another, `fixed` is why the query cannot be changed
   */
  update(chart, { isStale = false, fixed = "" } = {}) {
    this.element.classList.toggle("stale", isStale);
    this.fix(fixed);
    if (this.chart === chart && !this.isReset) return;
    this.isReset = false;
    this.chart = chart;
    this.title.textContent = chart.title;
    this.about.textContent = chart.about;
    if (this.isOwn) return;
    this.write(chart.sql);
    this.sql.setAttribute("aria-label", `The query behind ${chart.title}`);
    this.tell(chart.parameters);
    this.show(chart, chart.figure, chart.note);
  }

  /**
   * Put the chart's query into the box, unless the person has written another there.
   * @param {string} sql
   */
  write(sql) {
    if (this.sql.value === this.given && sql !== this.given) this.sql.value = sql;
    this.given = sql;
  }

  /**
   * Let the query be changed, or say why not; what was written is there again when it may be.
   * @param {string} why
   */
  fix(why) {
    if (this.fixed.textContent === why) return;
    this.fixed.textContent = why;
    this.sql.readOnly = this.buttons.hidden = Boolean(why);
    if (why) {
      this.draft = this.sql.value === this.given ? "" : this.sql.value;
      this.reset();
    } else if (this.draft) this.sql.value = this.draft;
  }

  /** @param {Record<string, string>} parameters */
  tell(parameters) {
    this.parameters.textContent = Object.entries(parameters).map(([name, value]) => `$${name} = ${value}`).join("\n");
  }

  /**
   * @param {import("./types.js").Rows} rows
   * @param {import("./types.js").Figure | null} figure
   * @param {string} note
   */
  show(rows, figure, note) {
    this.rows = rows;
    const isTable = this.showsTable.getAttribute("aria-pressed") === "true";
    this.note.textContent = note;
    if (!rows.rows.length) this.put(h("p", { class: "dim nothing" }, this.chart?.empty ?? "Nothing in this time."));
    else if (isTable || !figure) this.put(table(this.chart?.title ?? "Rows", rows, { bar: this.chart?.bar }));
    else {
      this.put(this.plot.element);
      void this.plot.show(figure, `Chart: ${this.chart?.title}`, `${this.chart?.about} The button Table shows its numbers.`);
    }
    this.figure = figure;
  }

  /** @param {HTMLElement} element */
  put(element) {
    if (this.body.firstElementChild !== element) this.body.replaceChildren(element);
  }

  toggleTable() {
    const wasTable = this.showsTable.getAttribute("aria-pressed") === "true";
    this.showsTable.setAttribute("aria-pressed", String(!wasTable));
    this.show(this.rows, this.figure ?? null, this.note.textContent ?? "");
  }

  toggleSql() {
    this.editor.hidden = !this.editor.hidden;
    this.showsSql.setAttribute("aria-expanded", String(!this.editor.hidden));
    if (!this.editor.hidden) this.sql.focus();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || this.sql.readOnly) return;
    event.preventDefault();
    void this.ask();
  }

  get question() {
    return { chart: this.chart?.name ?? "", sql: this.isOwn || !this.editor.hidden ? this.sql.value : (this.chart?.sql ?? ""), filters: this.filters() };
  }

  async ask() {
    await this.work(async () => {
      const answer = await readQuery(this.question);
      this.isOwn = this.sql.value !== this.chart?.sql;
      this.element.classList.toggle("own", this.isOwn);
      this.show(answer, answer.figure, answer.note || (this.isOwn ? "From your own query; Reset shows the chart's again." : ""));
    });
  }

  isReset = false;

  reset() {
    this.isOwn = false;
    this.isReset = true;
    this.element.classList.remove("own");
    this.said.textContent = "";
    if (this.chart) {
      this.sql.value = this.given = this.chart.sql;
      this.update(this.chart, { fixed: this.fixed.textContent ?? "" });
    }
  }

  /** @param {"csv" | "parquet"} format */
  async keep(format) {
    await this.work(() => save(this.question, format));
  }

  /** @param {() => Promise<void>} job */
  async work(job) {
    this.said.textContent = "";
    this.element.setAttribute("aria-busy", "true");
    try {
      await job();
    } catch (error) {
      this.said.textContent = /** @type {Error} */ (error).message;
      if (this.editor.hidden) this.note.textContent = this.said.textContent;
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }
}
