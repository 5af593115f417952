/**
 * The top of a panel: which conversation, model and mode, and what it has taken so far.
 *
 * @typedef {import("./types.js").ChatState} ChatState
 * @typedef {import("./types.js").Header} HeaderState
 * @typedef {import("./context.js").Context} Context
 */
import { button, count, h, icon } from "./dom.js";

/**
 * How full the context is and what was used, in words; money only when it is known.
 * @param {HeaderState} header
 * @returns {string[]}
 */
export function usageWords(header) {
  const words = [];
  const { context_used: used, context_limit: limit, cost_usd: cost } = header;
  if (used && limit) words.push(`${Math.round((100 * used) / limit)}% of context`);
  const tokens = (header.input_tokens ?? 0) + (header.output_tokens ?? 0);
  if (tokens) words.push(`${count(tokens)} tokens`);
  if (cost !== undefined && cost !== null) words.push(`$${cost < 0.01 && cost > 0 ? cost.toFixed(4) : cost.toFixed(2)}`);
  return words;
}

export class Header {
  /**
   * @param {Context} context
   * @param {{ toggleList(): void }} panel
   */
  constructor(context, panel) {
    this.context = context;
    this.title = h("h2", { class: "na-title" });
    this.model = select("Model", (value) => context.request("set_model", { model: value }));
    this.mode = select("Mode: what runs without asking", (value) => context.request("set_mode", { mode: value }));
    this.usage = h("span", { class: "na-usage na-dim" });
    this.fill = h("span", { class: "na-meter", role: "img" }, h("span"));
    this.list = button("list", "Conversations", () => panel.toggleList(), { class: "na-quiet", "aria-expanded": "false" });
    this.exports = h("span", { class: "na-buttons" });
    this.warning = h("p", { class: "na-full-warning", role: "note" });
    this.warning.hidden = true;
    const start = button("plus", "New chat", () => context.request("new_conversation"), { text: "New chat", class: "na-quiet" });
    this.element = h(
      "header",
      { class: "na-header" },
      h("div", { class: "na-header-line" }, this.list, this.title, this.exports, start),
      h("div", { class: "na-header-line" }, this.model.element, this.mode.element, h("span", { class: "na-space" }), this.fill, this.usage),
      this.warning,
    );
    this.drawn = "";
  }

  /** @param {ChatState} state */
  update(state) {
    const facts = JSON.stringify([state.header, state.conversation, state.offers]);
    if (facts === this.drawn) return;
    this.drawn = facts;
    const { header } = state;
    this.title.textContent = state.conversation.title || "New chat";
    const models = header.models ?? [];
    const isListed = models.some((each) => each.id === header.model) || !header.model;
    this.model.update(isListed ? models : [{ id: header.model, label: header.model }, ...models], header.model);
    this.mode.update(header.modes ?? [], header.mode ?? "");
    this.usage.textContent = usageWords(header).join(" · ");
    this.drawFill(header);
    this.drawWarning(header);
    this.drawExports();
  }

  /** @param {HeaderState} header */
  drawFill(header) {
    const { context_used: used, context_limit: limit } = header;
    this.fill.hidden = !used || !limit;
    if (!used || !limit) return;
    const percent = Math.min(100, Math.round((100 * used) / limit));
    /** @type {HTMLElement} */ (this.fill.firstElementChild).style.width = `${percent}%`;
    this.fill.setAttribute("aria-label", `${percent}% of the model's context is used`);
    this.fill.title = `${count(used)} of ${count(limit)} tokens`;
    this.fill.classList.toggle("is-nearly-full", percent >= 80);
  }

  /** @param {HeaderState} header */
  drawWarning(header) {
    const mode = (header.modes ?? []).find((each) => each.id === header.mode);
    this.warning.hidden = !mode?.is_risky;
    if (mode?.is_risky) this.warning.replaceChildren(icon("warning"), h("strong", {}, ` ${mode.label}: `), mode.hint || "code runs and files change without asking you.");
    this.mode.element.title = mode?.hint ?? "";
  }

  drawExports() {
    const { context } = this;
    const formats = [["export_notebook", "notebook", "Notebook"], ["export_markdown", "markdown", "Markdown"]];
    this.exports.replaceChildren(
      ...formats.filter(([offer]) => context.has(offer)).map(([, format, word]) => button("export", `Export as ${word}`, () => context.request("export", { format }), { text: word, class: "na-quiet na-export" })),
    );
  }
}

/**
 * A list of choices with its name.
 * @param {string} label
 * @param {(value: string) => void} onChange
 */
function select(label, onChange) {
  const element = h("select", { class: "na-select", "aria-label": label, on: { change: () => onChange(element.value) } });
  let drawn = "";
  return {
    element,
    /**
     * @param {{ id: string, label: string, note?: string }[]} choices
     * @param {string} chosen
     */
    update(choices, chosen) {
      element.hidden = !choices.length;
      const facts = JSON.stringify(choices);
      if (facts !== drawn) {
        drawn = facts;
        element.replaceChildren(...choices.map((each) => h("option", { value: each.id }, each.note ? `${each.label} (${each.note})` : each.label)));
      }
      element.value = chosen;
    },
  };
}
