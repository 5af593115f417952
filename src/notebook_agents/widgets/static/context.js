/**
 * What every part of a panel may use: requests to the kernel, offers, announcements.
 *
 * @typedef {{
 *   request(kind: string, fields?: object, buffers?: ArrayBuffer[]): string,
 *   has(offer: string): boolean,
 *   state(): import("./types.js").ChatState,
 *   say(text: string): void,
 *   toast(text: string, level?: string): void,
 *   focusComposer(): void,
 *   code: import("./code_block.js").CodeActions,
 *   rendermime: any,
 * }} Context
 */

/**
 * Speaks to people who listen instead of look: in whole pieces, never more than one in a while.
 */
export class Announcer {
  /** @param {HTMLElement} region an element with aria-live */
  constructor(region) {
    this.region = region;
    /** @type {string[]} */
    this.waiting = [];
    /** @type {any} */
    this.timer = null;
    this.pauseMs = 1500;
  }

  /** @param {string} text */
  say(text) {
    if (!text) return;
    this.waiting.push(text);
    this.timer ??= setTimeout(() => this.flush(), 100);
  }

  flush() {
    this.region.textContent = this.waiting.splice(0).join(". ");
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.waiting.length) this.flush();
    }, this.pauseMs);
  }

  close() {
    clearTimeout(this.timer);
  }
}
