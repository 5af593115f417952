/** Before anything is drawn: the theme that was chosen last, or what the system prefers. */
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let chosen = "auto";
    try {
      chosen = localStorage.getItem("notebook-agents-theme") ?? "auto";
    } catch { /* a browser that keeps nothing */ }
    const theme = chosen === "auto" ? (system.matches ? "dark" : "light") : chosen;
    root.dataset.choice = chosen;
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("theme"));
  };
  document.addEventListener("choose-theme", (event) => {
    try {
      localStorage.setItem("notebook-agents-theme", /** @type {CustomEvent} */ (event).detail);
    } catch { /* it holds for this page then */ }
    root.dataset.choice = /** @type {CustomEvent} */ (event).detail;
    apply();
  });
  system.addEventListener("change", apply);
  apply();
})();
