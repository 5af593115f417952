/**
 * The switch "Live": while it is on and its panel is in sight, the kernel is asked to look again.
 *
 * The clock is the page's. Nothing ticks in the kernel, nor here while the page is in the
 * background, the panel is scrolled away, or an answer is awaited.
 *
 * @typedef {import("./types.js").Model} Model
 */

/** @param {{ model: Model, el: HTMLElement }} view */
function render({ model, el }) {
  const box = document.createElement("input");
  box.type = "checkbox";
  const label = document.createElement("label");
  label.className = "na-live";
  label.title = "Look again every few seconds while this is in sight";
  label.append(box, " Live");
  el.append(label);
  let isInSight = true;
  let isWaiting = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let clock;

  const beat = () => {
    if (isWaiting) return;
    isWaiting = true;
    model.send({ kind: "beat" });
  };
  const set = () => {
    box.checked = Boolean(model.get("is_live"));
    const isRunning = box.checked && isInSight && document.visibilityState === "visible";
    if (!isRunning) {
      clearInterval(clock);
      clock = undefined;
      isWaiting = false;
    } else if (clock === undefined) {
      clock = setInterval(beat, model.get("period_ms"));
    }
    label.dataset.state = isRunning ? "running" : "resting";
  };
  const change = () => {
    model.set("is_live", box.checked);
    model.save_changes();
    set();
  };
  const answered = (/** @type {any} */ message) => {
    if (message?.kind === "seen") isWaiting = false;
  };
  const sight = new IntersectionObserver((entries) => {
    isInSight = entries[entries.length - 1].isIntersecting;
    set();
  });
  box.addEventListener("change", change);
  document.addEventListener("visibilitychange", set);
  model.on("change:is_live", set);
  model.on("msg:custom", answered);
  requestAnimationFrame(() => sight.observe(el.closest(".notebook-agents-panel") ?? el));
  set();
  return () => {
    clearInterval(clock);
    sight.disconnect();
    document.removeEventListener("visibilitychange", set);
    model.off("change:is_live", set);
    model.off("msg:custom", answered);
  };
}

const widget = { render };
export default widget;
