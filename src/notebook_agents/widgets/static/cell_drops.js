/**
 * Cells and files that are dragged from the front end itself and let go over an element.
 *
 * JupyterLab and Notebook 7 drag with events of their own (`lm-…`, of Lumino), which carry objects of
 * the page. The notebook takes those of cells on their way down to what it contains, so they are
 * caught further up. What is dropped is copied: the notebook keeps its cell, the folder its file.
 *
 * @typedef {{ cell_type: string, source: string | string[], execution_count?: number | null }} Cell
 * @typedef {{ onCells(cells: Cell[]): void, onPaths(paths: string[]): void, isOpen(): boolean }} Taker
 */
const CELLS = "application/vnd.jupyter.cells";
const FILES = "application/x-jupyter-icontents";
const EVENTS = ["lm-dragenter", "lm-dragover", "lm-dragleave", "lm-drop"];

export class CellDrops {
  /**
   * @param {HTMLElement} target
   * @param {Taker} taker
   */
  constructor(target, taker) {
    this.target = target;
    this.taker = taker;
    this.take = this.take.bind(this);
    for (const event of EVENTS) document.addEventListener(event, this.take, true);
  }

  close() {
    for (const event of EVENTS) document.removeEventListener(event, this.take, true);
  }

  /** @param {any} event */
  take(event) {
    const { mimeData, target, type } = event;
    if (!(target instanceof Node) || !this.target.contains(target) || !this.taker.isOpen()) return;
    const kind = [CELLS, FILES].find((each) => mimeData?.hasData(each));
    if (!kind) return;
    event.preventDefault();
    event.stopPropagation();
    this.target.classList.toggle("is-target", type === "lm-dragenter" || type === "lm-dragover");
    if (type === "lm-dragover" || type === "lm-drop") event.dropAction = event.proposedAction;
    if (type !== "lm-drop") return;
    const data = mimeData.getData(kind);
    if (kind === CELLS) this.taker.onCells(data);
    else this.taker.onPaths(data);
  }
}

/**
 * A path of the front end's file browser as seen from the folder of a notebook.
 * @param {string} path
 * @param {string} notebook
 */
export function pathFrom(path, notebook) {
  const steps = (/** @type {string} */ each) => each.replace(/^[\w-]+:/, "").split("/").filter(Boolean);
  const [to, folder] = [steps(path), steps(notebook).slice(0, -1)];
  let same = 0;
  while (same < folder.length && same < to.length - 1 && folder[same] === to[same]) same += 1;
  return [...folder.slice(same).map(() => ".."), ...to.slice(same)].join("/");
}
