/**
 * A chart without a mouse: one stop of the Tab key, whose bars and points the arrow keys reach.
 *
 * The notebook's dashboard and the server's page both let plotly draw into `plot`. What plotly drew
 * is what can be reached, so hidden series and zoom need no rules of their own. A point is told
 * beside its marker, which screen readers read out as it changes. Plotly's own buttons are one more
 * stop, and not one each.
 */
import { h } from "./element.js";

const HOW = "Arrow keys move over its points, Home and End to the first and last, Enter does what a click does, Escape leaves them.";
const DATE = /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d))?$/;
/** @type {Record<string, [number, number]>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MARK = "position:absolute;pointer-events:none;border:2px solid #000;outline:2px solid #fff;border-radius:3px;box-sizing:border-box";
const TIP = "position:absolute;pointer-events:none;max-width:100%;box-sizing:border-box;padding:2px 8px;border:1px solid #fff;border-radius:4px;background:#222;color:#fff;font:12px/1.5 system-ui,sans-serif";
const ROOM_PX = 5;

/**
 * A bar or point; x and y are its middle on the screen.
 * @typedef {{trace: any, at: number, curve: number, box: DOMRect, x: number, y: number}} Point
 */

/** Where a chart is drawn, and what its keys do. */
export class ChartKeys {
  /** @param {(wish: Record<string, any>) => void} followed gets what a point asks for, as after a click */
  constructor(followed) {
    this.followed = followed;
    /** @type {any} what plotly draws into */
    this.plot = h("div");
    this.mark = h("div", { style: MARK, hidden: true });
    this.tip = h("div", { style: TIP, role: "status" });
    this.tip.hidden = true;
    this.element = h("div", {
      class: "na-keys", role: "application", tabindex: "0", "aria-roledescription": "chart", style: "position:relative;outline-offset:-2px",
      on: { focusin: () => this.listen(true), focusout: () => this.listen(false), blur: () => this.leave() },
    }, this.plot, this.mark, this.tip);
    this.heard = (/** @type {KeyboardEvent} */ event) => this.press(event);
    /** @type {Point | null} */
    this.here = null;
    this.isBound = false;
  }

  /** @param {string} title what the chart shows */
  name(title) {
    this.element.setAttribute("aria-label", `${title}. ${HOW}`);
  }

  /** Listen to what was drawn; to be called after each drawing. */
  drawn() {
    if (this.isBound) return;
    this.isBound = true;
    this.plot.on("plotly_afterplot", () => this.find());
    this.find();
    this.plot.on("plotly_click", (/** @type {any} */ event) => this.follow(event?.points?.[0]?.customdata));
  }

  /**
   * Show words in place of the chart.
   * @param {string} text
   */
  refuse(text) {
    this.plot.textContent = text;
    this.element.removeAttribute("tabindex");
  }

  /** @param {any} wish */
  follow(wish) {
    if (wish && typeof wish === "object") this.followed(wish);
  }

  /**
   * Hear keys before JupyterLab does, which would take arrow keys for cells; it gets all others.
   * @param {boolean} isInside whether the focus is in the chart
   */
  listen(isInside) {
    if (isInside) addEventListener("keydown", this.heard, true);
    else removeEventListener("keydown", this.heard, true);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (!(event.target === this.element ? this.act(event.key) : this.pick(event))) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * Whether the key was meant for the points.
   * @param {string} key
   */
  act(key) {
    const here = this.here;
    if (key === "Escape" && here) this.leave();
    else if (key === "Enter" && here) this.follow(here.trace.customdata?.[here.at]);
    else if (key in STEPS || key === "Home" || key === "End") this.show(this.next(key));
    else return false;
    return true;
  }

  /**
   * From one of plotly's buttons to the next.
   * @param {KeyboardEvent} event
   */
  pick({ key, target }) {
    const buttons = this.buttons;
    const at = buttons.indexOf(/** @type {any} */ (target));
    const step = STEPS[key]?.[0];
    if (!step || at < 0) return false;
    buttons[at + step]?.focus();
    return true;
  }

  leave() {
    this.here = null;
    this.mark.hidden = this.tip.hidden = true;
    this.tip.textContent = "";
  }

  /** Everything that is drawn and in sight, in the order of reading. */
  points() {
    const drawn = this.plot.calcdata ?? [];
    const curves = new Map(drawn.flatMap((/** @type {any[]} */ data, /** @type {number} */ curve) => data.map((each) => [each, curve])));
    const area = this.plot.querySelector(".nsewdrag")?.getBoundingClientRect();
    /** @type {Point[]} */
    const found = [];
    for (const shape of this.plot.querySelectorAll(".point")) {
      const curve = curves.get(shape.__data__);
      const box = shape.getBoundingClientRect();
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      if (curve === undefined || !area || x < area.left - 1 || x > area.right + 1 || y < area.top - 1 || y > area.bottom + 1) continue;
      const trace = drawn[curve][0].trace;
      if (trace.type !== "bar" || shape.__data__.s) found.push({ trace, at: shape.__data__.i, curve, box, x, y });
    }
    return found;
  }

  /** Whether names stand along the upright axis, one below the other. */
  get isFlat() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    return yaxis.type === "category" && xaxis.type === "linear";
  }

  /**
   * Those of each place along the axis of names or times, from one to the next across it.
   * @returns {Point[][]}
   */
  places() {
    const [along, across] = this.isFlat ? [/** @type {const} */ ("y"), /** @type {const} */ ("x")] : [/** @type {const} */ ("x"), /** @type {const} */ ("y")];
    /** @type {Map<any, Point[]>} */
    const found = new Map();
    for (const point of this.points()) {
      const name = point.trace[along][point.at];
      found.set(name, [...(found.get(name) ?? []), point]);
    }
    const order = (/** @type {Point} */ a, /** @type {Point} */ b) => a[across] - b[across] || a.curve - b.curve;
    return [...found.values()].map((each) => each.sort(order)).sort((a, b) => a[0][along] - b[0][along]);
  }

  /** @param {string} key */
  next(key) {
    const places = this.places();
    const here = this.here;
    const at = places.findIndex((each) => each.some((point) => isSame(point, here)));
    if (!places.length) return null;
    if (key === "End") return places[places.length - 1][0];
    if (!here || at < 0 || key === "Home") return places[0][0];
    const [right, down] = STEPS[key];
    const [along, across] = this.isFlat ? [down, right] : [right, down];
    const mine = places[at];
    if (across) return mine[Math.min(Math.max(mine.findIndex((point) => isSame(point, here)) + across, 0), mine.length - 1)];
    const there = places[Math.min(Math.max(at + along, 0), places.length - 1)];
    return there.find((point) => point.curve === here.curve) ?? there[0];
  }

  /** @returns {HTMLElement[]} plotly's own */
  get buttons() {
    return [...this.plot.querySelectorAll("button.modebar-btn")];
  }

  /** After a drawing: the point may be elsewhere, or gone. */
  find() {
    for (const [at, each] of this.buttons.entries()) each.tabIndex = at ? -1 : 0;
    const here = this.here;
    if (here) this.show(this.points().find((point) => isSame(point, here)) ?? null);
  }

  /** @param {Point | null} point */
  show(point) {
    if (!point) return this.leave();
    this.here = point;
    const frame = this.element.getBoundingClientRect();
    const [left, top] = [point.box.left - frame.left, point.box.top - frame.top];
    this.mark.hidden = this.tip.hidden = false;
    put(this.mark, left - ROOM_PX, top - ROOM_PX);
    this.mark.style.width = `${point.box.width + 2 * ROOM_PX}px`;
    this.mark.style.height = `${point.box.height + 2 * ROOM_PX}px`;
    const text = this.words(point);
    if (this.tip.textContent !== text) this.tip.textContent = text;
    const { width, height } = this.tip.getBoundingClientRect();
    const middle = left + (point.box.width - width) / 2;
    const above = top - height - 2 * ROOM_PX;
    put(this.tip, Math.max(0, Math.min(middle, frame.width - width)), above < 0 ? top + point.box.height + 2 * ROOM_PX : above);
  }

  /** @param {Point} point */
  words({ trace, at }) {
    const told = trace.hovertext?.[at] ?? this.numbers(trace, at);
    const wish = trace.customdata?.[at];
    const enter = !wish ? "" : wish.run_id ? ". Enter opens the run" : ". Enter filters";
    return `${plain(told)}${enter}`;
  }

  /**
   * @param {any} trace
   * @param {number} at
   */
  numbers(trace, at) {
    const { xaxis, yaxis, showlegend } = this.plot._fullLayout;
    const [place, value, axis] = this.isFlat ? [trace.y[at], trace.x[at], xaxis] : [trace.x[at], trace.y[at], yaxis];
    const title = axis.title?.text ?? "";
    const unit = value === 1 ? title.replace(/^(\w+)s$/, "$1") : title;
    const begin = trace.base?.[at];
    const { array: up, arrayminus: down } = trace.error_x ?? {};
    const number = begin === undefined ? shown(value) : `${shown(begin)} to ${shown(begin + value)}`;
    const interval = up && up[at] !== null && up[at] !== undefined ? `from ${shown(value - down[at])} to ${shown(value + up[at])}` : "";
    return [moment(String(place)), `${number} ${unit}`.trim(), interval, showlegend ? trace.name : ""].filter(Boolean).join(", ");
  }
}

/**
 * @param {Point} one
 * @param {Point | null} other
 */
function isSame(one, other) {
  return one.curve === other?.curve && one.at === other.at;
}

/**
 * @param {HTMLElement} element
 * @param {number} left
 * @param {number} top
 */
function put(element, left, top) {
  element.style.left = `${left}px`;
  element.style.top = `${top}px`;
}

/** @param {any} value */
function shown(value) {
  if (typeof value !== "number") return String(value);
  return value.toLocaleString("en", Number.isInteger(value) ? {} : { maximumSignificantDigits: 3 });
}

/**
 * A day or an hour as it is said: "March 3, 14:00".
 * @param {string} text
 */
function moment(text) {
  const [, day, time] = DATE.exec(text) ?? [];
  if (!day) return text;
  const said = new Date(`${day}T00:00Z`).toLocaleDateString("en", { month: "long", day: "numeric", timeZone: "UTC" });
  return time ? `${said}, ${time}` : said;
}

/**
 * A text of a figure, in which signs of HTML are written out.
 * @param {string} text
 */
function plain(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
