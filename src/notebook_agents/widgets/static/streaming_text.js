/**
 * Markdown that is still being written: finished blocks are drawn once, only the last one again.
 *
 * A block is finished when another one follows it. Drawing takes at most about a sixth of the time,
 * however long the last block gets.
 */
import { codeBlock } from "./code_block.js";
import { h } from "./dom.js";
import { blocksOf, drawBlocks } from "./markdown.js";
import { typeset } from "./math.js";

/** @typedef {import("./vendor/marked.js").Token} Token */

const REST_FACTOR = 5;
const COLOUR_WHILE_GROWING_CHARS = 2000;
const DEFINITION = /^ {0,3}\[[^\]]+\]:/m;

/**
 * Where the last block starts, and the finished ones before it.
 * @param {Token[]} tokens
 * @returns {{ finished: Token[], last: Token | null, consumed: number }}
 */
export function splitLast(tokens) {
  let at = tokens.length - 1;
  while (at >= 0 && tokens[at].type === "space") at -= 1;
  if (at < 0) return { finished: [], last: null, consumed: 0 };
  const finished = tokens.slice(0, at);
  return { finished, last: tokens[at], consumed: finished.reduce((sum, token) => sum + token.raw.length, 0) };
}

export class StreamingText {
  /** @param {import("./code_block.js").CodeActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.element = h("div", { class: "na-markdown" });
    this.settled = "";
    this.text = "";
    this.isDone = false;
    /** @type {HTMLElement | null} */
    this.tail = null;
    /** @type {ReturnType<typeof codeBlock> | null} */
    this.growingCode = null;
    this.notBefore = 0;
    /** @type {any} */
    this.later = null;
  }

  /**
   * @param {string} text
   * @param {boolean} isDone
   */
  update(text, isDone) {
    if (text === this.text && isDone === this.isDone) return;
    // What was complete may end within a block: if it grows after all, it is drawn anew.
    if (this.isDone || !text.startsWith(this.settled)) this.reset();
    this.text = text;
    this.isDone = isDone;
    const now = performance.now();
    if (isDone || now >= this.notBefore) this.draw();
    else this.drawLater(this.notBefore - now);
  }

  close() {
    clearTimeout(this.later);
  }

  reset() {
    this.settled = "";
    this.element.replaceChildren();
    this.tail = null;
    this.growingCode = null;
  }

  draw() {
    clearTimeout(this.later);
    this.later = null;
    const started = performance.now();
    // A definition gives meaning to links in blocks that were drawn before it.
    if (this.isDone && DEFINITION.test(this.text)) this.reset();
    const tokens = blocksOf(this.text.slice(this.settled.length));
    if (this.isDone) this.settle(tokens, this.text.length);
    else {
      const { finished, last, consumed } = splitLast(tokens);
      if (finished.length) this.settle(finished, this.settled.length + consumed);
      this.drawTail(last);
    }
    if (this.isDone) typeset(this.element);
    this.notBefore = performance.now() + (performance.now() - started) * REST_FACTOR;
  }

  /** @param {number} wait */
  drawLater(wait) {
    this.later ??= setTimeout(() => this.draw(), wait);
  }

  /**
   * @param {Token[]} tokens
   * @param {number} end
   */
  settle(tokens, end) {
    this.tail?.remove();
    this.tail = null;
    this.growingCode = null;
    this.element.append(drawBlocks(tokens, this.actions));
    this.settled = this.text.slice(0, end);
  }

  /** @param {Token | null} token */
  drawTail(token) {
    if (!token) return;
    this.tail ??= this.element.appendChild(h("div", { class: "na-tail" }));
    if (token.type !== "code") {
      this.growingCode = null;
      this.tail.replaceChildren(drawBlocks([token], this.actions));
      return;
    }
    const language = (token.lang ?? "").split(/\s/)[0];
    if (this.growingCode?.language !== language) {
      this.growingCode = codeBlock("", language, this.actions);
      this.tail.replaceChildren(this.growingCode.element);
    }
    this.growingCode?.update(token.text, token.text.length < COLOUR_WHILE_GROWING_CHARS);
  }
}
