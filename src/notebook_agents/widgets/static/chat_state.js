/**
 * The state of a conversation as a view knows it, and how messages of the kernel change it.
 *
 * Pure: no page, no clock. `Changes` says what has to be drawn again.
 *
 * @typedef {import("./types.js").ChatState} ChatState
 * @typedef {import("./types.js").Message} Message
 * @typedef {import("./types.js").Block} Block
 * @typedef {import("./types.js").Op} Op
 */

/** @returns {ChatState} */
export function emptyState() {
  return {
    v: 1,
    conversation: { id: "", title: "" },
    header: { model: "" },
    messages: [],
    run: { state: "idle" },
    queue: [],
    attachments: [],
    conversations: null,
    notice: null,
    offers: [],
  };
}

/**
 * A state of the kernel with everything a view relies on.
 * @param {Partial<ChatState> | null | undefined} given
 * @returns {ChatState}
 */
export function completeState(given) {
  const state = { ...emptyState(), ...(given ?? {}) };
  state.messages = [...(state.messages ?? [])];
  return state;
}

/** What has changed since the page was drawn. */
export class Changes {
  constructor() {
    this.all = false;
    /** @type {Set<string>} keys of the state */
    this.keys = new Set();
    /** @type {Set<string>} ids of messages whose blocks or facts changed */
    this.messages = new Set();
    /** @type {Set<string>} ids of blocks that only grew */
    this.grown = new Set();
  }

  get isEmpty() {
    return !this.all && !this.keys.size && !this.messages.size && !this.grown.size;
  }
}

/**
 * Take one operation in; false when it speaks of something that is not there.
 * @param {ChatState} state
 * @param {Op} op
 * @param {Changes} changes
 * @returns {boolean}
 */
export function applyOp(state, op, changes) {
  switch (op.op) {
    case "append":
      return append(state, op, changes);
    case "block":
      return putBlock(state, op.message, op.block, changes);
    case "message":
      putById(state.messages, op.message);
      changes.keys.add("messages");
      changes.messages.add(op.message.id);
      return true;
    case "set":
      /** @type {any} */ (state)[op.key] = op.value;
      changes.keys.add(op.key);
      return true;
    default:
      return true;
  }
}

/**
 * The message that has a block, and the block; the newest are looked at first.
 * @param {ChatState} state
 * @param {string} id
 * @returns {{ message: Message, block: Block } | null}
 */
export function findBlock(state, id) {
  for (let at = state.messages.length - 1; at >= 0; at -= 1) {
    const message = state.messages[at];
    const block = message.blocks.find((each) => each.id === id);
    if (block) return { message, block };
  }
  return null;
}

/**
 * Approvals that wait for the person.
 * @param {ChatState} state
 * @returns {import("./types.js").ApprovalBlock[]}
 */
export function openApprovals(state) {
  const found = [];
  for (const message of state.messages) {
    for (const block of message.blocks) {
      if (block.type === "approval" && !block.decision) found.push(block);
    }
  }
  return found;
}

/**
 * The text of a message as it was written.
 * @param {Message} message
 */
export function messageText(message) {
  const texts = message.blocks.filter((block) => block.type === "text");
  return texts.map((block) => /** @type {any} */ (block).text).join("\n\n");
}

/**
 * Whether the kernel knows a prompt that this view has sent.
 * @param {ChatState} state
 * @param {string} clientId
 */
export function knowsPrompt(state, clientId) {
  const isIt = (/** @type {{ client_id?: string }} */ entry) => entry.client_id === clientId;
  return state.messages.some(isIt) || state.queue.some(isIt);
}

/**
 * @param {ChatState} state
 * @param {Op} op
 * @param {Changes} changes
 */
function append(state, op, changes) {
  const found = findBlock(state, op.block);
  if (!found) return false;
  const block = /** @type {any} */ (found.block);
  block[op.field] = (block[op.field] ?? "") + op.text;
  changes.grown.add(op.block);
  return true;
}

/**
 * @param {ChatState} state
 * @param {string} messageId
 * @param {Block} block
 * @param {Changes} changes
 */
function putBlock(state, messageId, block, changes) {
  const message = state.messages.find((each) => each.id === messageId);
  if (!message) return false;
  putById(message.blocks, block);
  changes.messages.add(messageId);
  return true;
}

/**
 * @template {{ id: string }} T
 * @param {T[]} entries
 * @param {T} entry
 */
function putById(entries, entry) {
  const at = entries.findIndex((each) => each.id === entry.id);
  if (at < 0) entries.push(entry);
  else entries[at] = entry;
}
