/**
 * The cells of the notebook around a panel, where the front end lets them be reached.
 *
 * JupyterLab and Notebook 7 give widgets their document; VS Code and Colab do not, and nothing is
 * offered there. What is inserted can be undone with the notebook's own undo; nothing is run.
 *
 * @typedef {import("./types.js").Model} Model
 */

/** @param {Model} model */
function sharedNotebook(model) {
  const shared = model.widget_manager?.context?.model?.sharedModel;
  return typeof shared?.insertCell === "function" && shared.cells ? shared : null;
}

/** @param {Element | null | undefined} cell */
function placeOf(cell) {
  if (!cell) return -1;
  const known = cell.getAttribute("data-windowed-list-index");
  if (known !== null) return Number(known);
  return [...(cell.parentElement?.children ?? [])].filter((each) => each.classList.contains("jp-Cell")).indexOf(cell);
}

export class NotebookCells {
  /**
   * @param {Model} model
   * @param {HTMLElement} root of the panel
   */
  constructor(model, root) {
    this.model = model;
    this.shared = sharedNotebook(model);
    this.root = root;
    /** @type {Element | null} the code cell that had the focus last, other than the panel's own */
    this.lastCell = null;
    this.look = this.look.bind(this);
    if (this.shared) document.addEventListener("focusin", this.look);
  }

  close() {
    document.removeEventListener("focusin", this.look);
  }

  /** @param {FocusEvent} event */
  look(event) {
    const cell = /** @type {Element} */ (event.target).closest?.(".jp-Notebook .jp-CodeCell");
    if (cell && !cell.contains(this.root)) this.lastCell = cell;
  }

  /**
   * Ctrl+S and Cmd+S save the notebook from in here too: otherwise the browser would save the page.
   * @param {KeyboardEvent} event
   */
  saveOnKey(event) {
    const context = this.model.widget_manager?.context;
    if (event.key !== "s" || !(event.ctrlKey || event.metaKey) || event.altKey || typeof context?.save !== "function") return;
    event.preventDefault();
    context.save();
  }

  /** @returns {string[]} */
  offers() {
    return this.shared ? ["insert_above", "insert_below", "replace_cell"] : [];
  }

  /**
   * @param {string} where
   * @param {string} code
   * @returns {string} what was done
   */
  put(where, code) {
    if (!this.shared) return "";
    if (where === "replace") {
      const cell = this.lastCell?.isConnected ? this.shared.cells[placeOf(this.lastCell)] : null;
      if (!cell?.setSource) return "Click into the code cell that it should replace, then here again";
      cell.setSource(code);
      return "Replaced the cell; undo brings it back";
    }
    const here = this.root.closest(".jp-Cell") ?? this.lastCell;
    const place = placeOf(here);
    const at = place < 0 ? this.shared.cells.length : place + (where === "above" ? 0 : 1);
    this.shared.insertCell(at, { cell_type: "code", source: code });
    return `Inserted a cell ${where}; it was not run`;
  }
}
