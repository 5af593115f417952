/** What is looked at: time, model, notebook, user, source; and live or not. */

import { filters, go } from "./address.js";
import { button, h, labelled, select } from "./elements.js";

const TIMES = [
  { value: "0.0417", label: "1 hour" },
  { value: "1", label: "24 hours" },
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "all", label: "Everything" },
];
const NAMED = { model: "Model", source: "Source", notebook: "Notebook", user: "User", agent: "Agent" };
const THEMES = [
  { value: "auto", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

/** The row of filters; it is kept when the board is read again, so that the focus stays. */
export class FilterRow {
  /** @param {{refresh: () => void, live: (isLive: boolean) => void}} wishes */
  constructor(wishes) {
    this.live = h("input", { type: "checkbox", id: "live", on: { change: () => wishes.live(this.live.checked) } });
    this.chosen = h("div", { class: "row fields" });
    this.element = h(
      "form", { class: "row filters", "aria-label": "Filters", on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
      this.chosen, button("Refresh", wishes.refresh, { title: "Read the record again" }),
      h("label", { class: "check", title: "Read the record every 5 seconds while this page is seen" }, this.live, h("span", {}, "Live")),
    );
    this.known = "";
  }

  /** @param {import("./types.js").Board} board */
  update(board) {
    const now = filters();
    const offered = JSON.stringify([board.choices, now, board.is_admin]);
    if (offered === this.known) return;
    this.known = offered;
    const focused = document.activeElement instanceof HTMLSelectElement ? document.activeElement.name : "";
    this.chosen.replaceChildren(...this.fields(board, now));
    if (focused) this.chosen.querySelector(`select[name="${focused}"]`)?.dispatchEvent(new Event("refocus"));
  }

  /**
   * @param {import("./types.js").Board} board
   * @param {import("./types.js").Filters} now
   */
  fields(board, now) {
    const times = now.since ? [{ value: "picked", label: "As picked" }, ...TIMES] : TIMES;
    /** @type {HTMLElement[]} */
    const found = [field("days", "Time", times, now.since ? "picked" : (now.days ?? "7"), (value) => go({ days: value, since: "", until: "" }))];
    for (const [name, label] of Object.entries(NAMED)) {
      const choices = board.choices[name] ?? [];
      if (choices.length > 1 || now[name]) found.push(field(name, label, [{ value: "", label: "All" }, ...choices], now[name] ?? "", (value) => go({ [name]: value })));
    }
    if (board.is_admin) {
      const whose = [{ value: "", label: "Mine" }, { value: "true", label: "Everybody's" }];
      found.push(field("everybody", "Runs", whose, now.everybody ?? "", (value) => go({ everybody: value, user: "" })));
    }
    if (Object.keys(now).some((name) => name !== "everybody")) found.push(clear(now));
    return found;
  }
}

/**
 * @param {string} name
 * @param {string} label
 * @param {import("./types.js").Choice[]} choices
 * @param {string} value
 * @param {(value: string) => void} chosen
 */
function field(name, label, choices, value, chosen) {
  const control = select(choices, value, chosen);
  control.name = name;
  control.addEventListener("refocus", () => control.focus());
  return labelled(label, control);
}

/** @param {import("./types.js").Filters} now */
function clear(now) {
  const none = Object.fromEntries(Object.keys(now).filter((name) => name !== "everybody").map((name) => [name, ""]));
  return button("Clear filters", () => go(none), { class: "quiet" });
}

/** The choice of a theme, which this browser keeps. */
export function themes() {
  const now = document.documentElement.dataset.choice ?? "auto";
  const control = select(THEMES, now, (value) => document.dispatchEvent(new CustomEvent("choose-theme", { detail: value })));
  return labelled("Theme", control);
}
