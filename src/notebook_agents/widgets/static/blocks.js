/**
 * The parts of an answer as views that can be updated: text, thoughts, notes, figures, groups of calls.
 *
 * @typedef {import("./types.js").Block} Block
 * @typedef {import("./context.js").Context} Context
 * @typedef {{ element: HTMLElement, sort: string, update(entry: any): void, close?(): void }} View
 * @typedef {{ id: string, sort: string, blocks: Block[], isRunning: boolean }} Piece
 */
import { ApprovalCard } from "./approval_card.js";
import { h, icon, reconcile } from "./dom.js";
import { figureView } from "./figure.js";
import { StreamingText } from "./streaming_text.js";
import { isDone, ToolCard } from "./tool_card.js";

const COLLAPSE_FROM = 5;

/**
 * Blocks as they are drawn: calls and questions that follow each other make one group.
 * @param {Block[]} blocks
 * @param {boolean} isRunning
 * @returns {Piece[]}
 */
export function piecesOf(blocks, isRunning) {
  /** @type {Piece[]} */
  const pieces = [];
  const lastText = blocks.findLastIndex((block) => block.type === "text");
  blocks.forEach((block, place) => {
    const isCall = block.type === "tool" || block.type === "approval";
    const before = pieces.at(-1);
    if (isCall && before?.sort === "calls") before.blocks.push(block);
    else if (block.type !== "text" || block.text || isRunning) {
      // Notes and figures can come below a text that still grows.
      const isGrowing = isRunning && place === lastText;
      pieces.push({ id: isCall ? `calls of ${block.id}` : block.id, sort: isCall ? "calls" : block.type, blocks: [block], isRunning: isGrowing });
    }
  });
  return pieces;
}

/**
 * @param {Piece} piece
 * @param {Context} context
 * @returns {View}
 */
export function pieceView(piece, context) {
  switch (piece.sort) {
    case "text":
      return new TextView(piece, context);
    case "thought":
      return new ThoughtView(piece);
    case "calls":
      return new CallGroup(piece, context);
    case "figure":
      return new FigureView(piece, context);
    default:
      return new NoteView(piece);
  }
}

class TextView {
  /**
   * @param {Piece} piece
   * @param {Context} context
   */
  constructor(piece, context) {
    this.sort = "text";
    this.text = new StreamingText(context.code);
    this.element = this.text.element;
    this.update(piece);
  }

  /** @param {Piece} piece */
  update(piece) {
    this.text.update(/** @type {any} */ (piece.blocks[0]).text, !piece.isRunning);
  }

  close() {
    this.text.close();
  }
}

class ThoughtView {
  /** @param {Piece} piece */
  constructor(piece) {
    this.sort = "thought";
    this.body = h("div", { class: "na-card-body na-thought-text" });
    this.element = h("details", { class: "na-card na-thought" }, h("summary", { class: "na-card-line" }, icon("chevron"), h("span", { class: "na-card-name" }, "Thoughts")), this.body);
    this.update(piece);
  }

  /** @param {Piece} piece */
  update(piece) {
    this.body.textContent = /** @type {any} */ (piece.blocks[0]).text;
  }
}

class NoteView {
  /** @param {Piece} piece */
  constructor(piece) {
    this.sort = piece.sort;
    this.element = h("p", { class: "na-note" });
    this.update(piece);
  }

  /** @param {Piece} piece */
  update(piece) {
    const block = /** @type {any} */ (piece.blocks[0]);
    this.element.dataset.level = block.level ?? "info";
    this.element.replaceChildren(icon(block.level === "info" ? "done" : "warning"), ` ${block.text ?? ""}`);
  }
}

class FigureView {
  /**
   * @param {Piece} piece
   * @param {Context} context
   */
  constructor(piece, context) {
    this.sort = "figure";
    this.context = context;
    this.element = h("div", { class: "na-figure-frame" });
    /** @type {any} */
    this.drawn = {};
    this.update(piece);
  }

  /** @param {Piece} piece */
  update(piece) {
    const block = /** @type {any} */ (piece.blocks[0]);
    const isSame = ["content", "label", "media_type"].every((name) => block[name] === this.drawn[name]);
    this.drawn = block;
    if (!isSame || !this.element.firstChild) this.element.replaceChildren(figureView(block, this.context.rendermime));
  }
}

class CallGroup {
  /**
   * @param {Piece} piece
   * @param {Context} context
   */
  constructor(piece, context) {
    this.sort = "calls";
    this.context = context;
    /** @type {Map<string, ToolCard | ApprovalCard>} */
    this.views = new Map();
    this.list = h("div", { class: "na-calls-list" });
    this.toggle = h("button", { type: "button", class: "na-button na-quiet na-calls-toggle", on: { click: () => this.setOpen(!this.isOpen) } });
    this.element = h("div", { class: "na-calls", role: "group", "aria-label": "Tool calls" }, this.toggle, this.list);
    this.isOpen = true;
    this.isChosen = false;
    this.update(piece);
  }

  /** @param {Piece} piece */
  update(piece) {
    const wanted = piece.blocks.map((block) => ({ id: block.id, sort: block.type, entry: /** @type {any} */ (block) }));
    reconcile(this.list, /** @type {any} */ (this.views), wanted, (block) => (block.type === "tool" ? new ToolCard(block, this.context) : new ApprovalCard(block, this.context)));
    const tools = /** @type {any[]} */ (piece.blocks.filter((block) => block.type === "tool"));
    const n = tools.length;
    this.toggle.hidden = n < 2;
    const failed = tools.filter((tool) => tool.status === "failed").length;
    const open = tools.filter((tool) => !isDone(tool)).length;
    const facts = [`${n} tool calls`, open ? `${open} not finished` : "", failed ? `${failed} failed` : ""].filter(Boolean);
    this.label = facts.join(", ");
    if (!this.isChosen) this.isOpen = n < COLLAPSE_FROM;
    this.drawToggle();
  }

  /** @param {boolean} isOpen */
  setOpen(isOpen) {
    this.isOpen = isOpen;
    this.isChosen = true;
    this.drawToggle();
  }

  drawToggle() {
    const words = `${this.isOpen ? "Hide" : "Show"} finished · ${this.label}`;
    if (this.toggle.textContent !== words) this.toggle.textContent = words;
    this.toggle.setAttribute("aria-expanded", String(this.isOpen));
    this.element.classList.toggle("is-collapsed", !this.isOpen);
  }

  close() {
    for (const view of this.views.values()) /** @type {any} */ (view).close?.();
  }
}
