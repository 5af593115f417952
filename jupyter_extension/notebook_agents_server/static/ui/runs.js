/** The newest runs, and one of them opened. */

import { go, run } from "./address.js";
import { readRun } from "./asking.js";
import { button, h } from "./elements.js";
import { Plot } from "./plotting.js";
import { table } from "./tables.js";

/**
 * The list; each row opens its run.
 * @param {import("./types.js").Rows} rows
 * @param {boolean} hasUsers whether they are of different people
 */
export function runList(rows, hasUsers) {
  const open = (/** @type {import("./types.js").Row} */ row) =>
    button("Open", () => go({ run: String(row.run_id) }), { class: "small", "aria-label": `Open the run of ${row.time_utc} UTC, ${row.status}`, "data-run": row.run_id });
  return h("section", { class: "wide card", "aria-label": "Newest runs" }, table("Newest runs", rows, { hidden: hasUsers ? ["run_id"] : ["run_id", "user"], pick: open }));
}

/** The window that shows one run: where its time went, and its events. */
export class Inspector {
  constructor() {
    this.plot = new Plot(() => {});
    this.body = h("div", { class: "body" });
    this.element = h(
      "dialog", { "aria-labelledby": "run-title", on: { close: () => this.closed() } },
      h("div", { class: "row head" }, h("h2", { id: "run-title" }, "Run"), button("Close", () => this.element.close())), this.body,
    );
    document.body.append(this.element);
    this.shown = "";
    document.addEventListener("went", () => void this.follow());
  }

  /** Show the run that the address names, or none. */
  async follow() {
    const id = run();
    if (id === this.shown) return;
    this.shown = id;
    if (!id) return this.element.close();
    this.body.replaceChildren(h("p", { role: "status" }, "Reading the run…"));
    if (!this.element.open) this.element.showModal();
    try {
      const found = await readRun(id);
      if (this.shown === id) this.show(found);
    } catch (error) {
      const again = () => { this.shown = ""; void this.follow(); };
      this.body.replaceChildren(h("p", { role: "alert", class: "bad" }, /** @type {Error} */ (error).message), button("Retry", again));
    }
  }

  /** @param {import("./types.js").Run} found */
  show(found) {
    const verdict = found.verdict ? h("p", { class: "verdict" }, found.verdict) : null;
    this.body.replaceChildren(
      h("p", {}, found.words), ...(verdict ? [verdict] : []), this.plot.element,
      table("Time by phase", found.phases, { bar: "seconds" }), table("Events", found.events), h("p", { class: "dim" }, `Run ${found.id}`),
    );
    this.plot.isInSight = true;
    if (found.figure?.data.length) void this.plot.show(found.figure, "Timeline of the run", found.verdict);
    else this.plot.element.replaceWith(h("p", { class: "dim" }, "No time was measured yet."));
  }

  closed() {
    this.shown = "";
    if (run()) go({ run: "" });
  }
}
