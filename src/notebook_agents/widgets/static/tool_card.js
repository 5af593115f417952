/**
 * One tool call: closed, a line with what happens; open, its arguments and its output.
 *
 * @typedef {import("./types.js").ToolBlock} ToolBlock
 * @typedef {import("./context.js").Context} Context
 */
import { codeBlock } from "./code_block.js";
import { diffView } from "./diff.js";
import { duration, h, icon } from "./dom.js";

const STATES = {
  waiting: ["waiting", "waiting for you"],
  running: ["running", "running"],
  succeeded: ["done", "done"],
  ok: ["done", "done"],
  failed: ["failed", "failed"],
  error: ["failed", "failed"],
  denied: ["denied", "denied"],
  cancelled: ["denied", "stopped"],
};
const TOOL_ICONS = [
  [/python|notebook|code|shell/, "code"],
  [/file|read|write|list/, "file"],
  [/image|plot|figure/, "image"],
];
const MAX_OUTPUT_CHARS = 20_000;

/** @param {string} name */
export function humanName(name) {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * How a call stands: an icon's name and a word.
 * @param {string} status
 * @returns {[string, string]}
 */
export function statusWords(status) {
  return /** @type {any} */ (STATES)[status] ?? ["tool", status];
}

/** @param {ToolBlock} block */
export function isDone(block) {
  return block.status !== "waiting" && block.status !== "running";
}

export class ToolCard {
  /**
   * @param {ToolBlock} block
   * @param {Context} context
   */
  constructor(block, context) {
    this.sort = "tool";
    this.context = context;
    this.block = block;
    this.summary = h("summary", { class: "na-card-line" });
    this.body = h("div", { class: "na-card-body" });
    this.output = h("pre", { class: "na-output", tabindex: "0", role: "region", "aria-label": "Output" });
    this.element = h("details", { class: "na-card na-tool", on: { toggle: () => this.drawBody() } }, this.summary, this.body);
    this.drawn = "";
    this.update(block);
  }

  /** @param {ToolBlock} block */
  update(block) {
    this.block = block;
    const [iconName, word] = statusWords(block.status);
    this.element.dataset.status = block.status;
    this.element.classList.toggle("is-done", isDone(block));
    const took = block.duration_ms && isDone(block) ? duration(block.duration_ms / 1000) : "";
    const toolIcon = TOOL_ICONS.find(([pattern]) => /** @type {RegExp} */ (pattern).test(block.name))?.[1] ?? "tool";
    const line = [iconName, word, took, block.label, block.summary].join("|");
    if (line !== this.drawn) {
      this.drawn = line;
      this.summary.replaceChildren(
        icon("chevron"),
        icon(/** @type {string} */ (toolIcon)),
        h("span", { class: "na-card-name" }, block.label || humanName(block.name)),
        h("span", { class: "na-card-summary" }, block.summary ?? ""),
        h("span", { class: "na-status" }, icon(iconName), h("span", {}, took ? `${word} · ${took}` : word)),
      );
    }
    if (this.element.open) this.drawBody();
  }

  /** Only what is open is drawn: a long run has many cards that nobody looks into. */
  drawBody() {
    if (!this.element.open) return;
    const { block } = this;
    const parts = [];
    if (block.diff) parts.push(diffView(block.diff));
    if (block.code) parts.push(codeBlock(block.code.text, block.code.language ?? "python", this.context.code).element);
    const left = argumentsBesides(block);
    if (Object.keys(left).length) parts.push(argumentList(left));
    if (block.error) parts.push(h("p", { class: "na-error" }, icon("failed"), " ", block.error));
    const output = block.output ?? "";
    const cut = output.length - MAX_OUTPUT_CHARS;
    this.output.textContent = cut > 0 ? `… ${cut.toLocaleString("en-US")} characters before this\n${output.slice(cut)}` : output;
    if (output) parts.push(h("div", { class: "na-part" }, h("div", { class: "na-part-name" }, "Output"), this.output));
    else if (isDone(block)) parts.push(h("p", { class: "na-dim" }, "No output."));
    this.body.replaceChildren(...parts);
  }
}

const IN_DIFFS = ["old_text", "new_text", "content"];

/**
 * The arguments that are shown neither as code nor in a diff.
 * @param {{ arguments?: Record<string, unknown>, code?: { text: string } | null, diff?: string }} block
 */
export function argumentsBesides(block) {
  const isElsewhere = (/** @type {[string, unknown]} */ [name, value]) => (block.code?.text && value === block.code.text) || (block.diff && IN_DIFFS.includes(name));
  return Object.fromEntries(Object.entries(block.arguments ?? {}).filter((each) => !isElsewhere(each)));
}

/** @param {Record<string, unknown>} values */
export function argumentList(values) {
  const rows = Object.entries(values).flatMap(([name, value]) => [
    h("dt", {}, name),
    h("dd", {}, h("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 1))),
  ]);
  return h("dl", { class: "na-arguments", "aria-label": "Arguments" }, ...rows);
}
