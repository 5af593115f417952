// The parts of the chat panel that need no page: state, gaps in numbers, words.
import assert from "node:assert/strict";
import { test } from "node:test";

const folder = new URL("../../../src/notebook_agents/widgets/static/", import.meta.url);
const statics = (name) => import(new URL(`${name}.js`, folder).href);
const { applyOp, Changes, completeState, findBlock, knowsPrompt, openApprovals } = await statics("chat_state");
const { Channel, REFRESH_AGAIN_MS } = await statics("channel");
const { isSendKey } = await statics("composer");
const { diffLines } = await statics("diff");
const { usageWords } = await statics("header");
const { blocksOf } = await statics("markdown");
const { footerLine } = await statics("message");
const { complete, mentionAt } = await statics("picker");
const { piecesOf } = await statics("blocks");
const { splitLast } = await statics("streaming_text");

const text = (id, words) => ({ id, role: "assistant", blocks: [{ id: `${id}:t`, type: "text", text: words }] });

test("an append grows its block and says which one", () => {
  const state = completeState({ messages: [text("a", "x")] });
  const changes = new Changes();
  assert.ok(applyOp(state, { op: "append", block: "a:t", field: "text", text: "y" }, changes));
  assert.equal(findBlock(state, "a:t").block.text, "xy");
  assert.deepEqual([...changes.grown], ["a:t"]);
});

test("an operation on something unknown says so, of an unknown sort it is passed over", () => {
  const state = completeState({});
  const changes = new Changes();
  assert.equal(applyOp(state, { op: "append", block: "no", field: "text", text: "y" }, changes), false);
  assert.equal(applyOp(state, { op: "block", message: "no", block: { id: "b" } }, changes), false);
  assert.equal(applyOp(state, { op: "of a later version" }, changes), true);
  assert.ok(changes.isEmpty);
});

test("blocks and messages are added or replaced by id", () => {
  const state = completeState({ messages: [text("a", "x")] });
  const changes = new Changes();
  applyOp(state, { op: "block", message: "a", block: { id: "k", type: "tool", status: "running" } }, changes);
  applyOp(state, { op: "block", message: "a", block: { id: "k", type: "tool", status: "succeeded" } }, changes);
  applyOp(state, { op: "message", message: text("b", "y") }, changes);
  assert.deepEqual(state.messages.map((each) => each.id), ["a", "b"]);
  assert.deepEqual(state.messages[0].blocks.map((each) => each.status), [undefined, "succeeded"]);
});

test("only undecided questions are open, and a prompt is known in the queue too", () => {
  const blocks = [{ id: "1", type: "approval" }, { id: "2", type: "approval", decision: "once" }];
  const state = completeState({ messages: [{ id: "a", role: "assistant", blocks }], queue: [{ id: "q", text: "", client_id: "c" }] });
  assert.deepEqual(openApprovals(state).map((each) => each.id), ["1"]);
  assert.ok(knowsPrompt(state, "c"));
  assert.ok(!knowsPrompt(state, "d"));
});

function wired() {
  const listeners = {};
  const sent = [];
  const timers = [];
  const model = { get: () => ({}), send: (message) => sent.push(message), on: (event, callback) => (listeners[event] = callback), off: () => {} };
  const clock = { setTimeout: (callback, ms) => timers.push({ callback, ms }) - 1, clearTimeout: (timer) => delete timers[timer] };
  const heard = { changes: 0, silent: false };
  const channel = new Channel(model, { onChange: () => (heard.changes += 1), onAnswer: () => {}, onSilence: (isSilent) => (heard.silent = isSilent) }, clock);
  const refreshes = () => sent.filter((each) => each.kind === "refresh").length;
  return { channel, heard, receive: (message) => listeners["msg:custom"](message), refreshes, timers };
}

test("numbers in a row ask for nothing", () => {
  const { receive, refreshes, channel } = wired();
  receive({ kind: "snapshot", seq: 7, state: { messages: [text("a", "")] } });
  for (const seq of [8, 9, 10]) receive({ kind: "delta", seq, ops: [{ op: "append", block: "a:t", field: "text", text: "x" }] });
  receive({ kind: "beat", seq: 10 });
  assert.equal(refreshes(), 0);
  assert.equal(findBlock(channel.state, "a:t").block.text, "xxx");
});

test("a gap asks once, again when nothing comes, and the snapshot ends it", () => {
  const { receive, refreshes, timers } = wired();
  receive({ kind: "snapshot", seq: 1, state: {} });
  receive({ kind: "delta", seq: 3, ops: [] });
  receive({ kind: "delta", seq: 4, ops: [] });
  assert.equal(refreshes(), 1);
  timers.find((timer) => timer?.ms === REFRESH_AGAIN_MS).callback();
  assert.equal(refreshes(), 2);
  receive({ kind: "snapshot", seq: 9, state: {} });
  receive({ kind: "delta", seq: 10, ops: [] });
  assert.equal(refreshes(), 2);
});

test("a beat shows that the last message before it was lost", () => {
  const { receive, refreshes } = wired();
  receive({ kind: "snapshot", seq: 1, state: {} });
  receive({ kind: "beat", seq: 2 });
  assert.equal(refreshes(), 1);
});

test("text for a block that is not there asks for the state", () => {
  const { receive, refreshes } = wired();
  receive({ kind: "snapshot", seq: 1, state: {} });
  receive({ kind: "delta", seq: 2, ops: [{ op: "append", block: "no", field: "text", text: "x" }] });
  assert.equal(refreshes(), 1);
});

test("what a view lets grow is its own", () => {
  const { receive, channel } = wired();
  const message = text("a", "x");
  receive({ kind: "snapshot", seq: 1, state: {} });
  receive({ kind: "delta", seq: 2, ops: [{ op: "message", message }] });
  receive({ kind: "delta", seq: 3, ops: [{ op: "append", block: "a:t", field: "text", text: "y" }] });
  assert.equal(findBlock(channel.state, "a:t").block.text, "xy");
  assert.equal(message.blocks[0].text, "x");
});

test("a kernel that does not answer is noticed until it speaks again", () => {
  const { channel, heard, receive, timers } = wired();
  channel.request("send", { text: "x" });
  timers.filter(Boolean).at(-1).callback();
  assert.ok(heard.silent);
  receive({ kind: "beat", seq: 1 });
  assert.ok(!heard.silent);
});

test("a connection that is gone is as good as a kernel that does not answer", () => {
  const { channel, heard } = wired();
  channel.model.send = () => {
    throw new Error("Cannot send");
  };
  channel.request("send", { text: "x" });
  assert.ok(heard.silent);
});

test("the last block stays open, lists and code as wholes, and nothing of the text is left out", () => {
  for (const [source, last] of [["One.\n\nTwo", "Two"], ["One.\n\n- a\n- b\n\n", "- a\n- b"], ["One.\n\n```py\na\n\nb", "```py\na\n\nb"]]) {
    const tokens = blocksOf(source);
    const split = splitLast(tokens);
    assert.equal(split.last.raw.trim(), last);
    assert.equal(source.slice(split.consumed).trim(), last);
  }
  assert.equal(splitLast(blocksOf("\n\n")).last, null);
});

test("formulas stay as they are written, prices are no formulas", () => {
  const inline = (source) => blocksOf(source)[0].tokens.map((each) => [each.type, each.raw]);
  assert.deepEqual(inline("so $a_1 * b_2 * c$."), [["text", "so "], ["mathInline", "$a_1 * b_2 * c$"], ["text", "."]]);
  assert.deepEqual(inline("from $5 to $10"), [["text", "from $5 to $10"]]);
  assert.equal(blocksOf("$$\nx * y\n\n* z\n$$")[0].type, "mathBlock");
});

test("many dollar signs take no longer than as many other signs do", () => {
  const time = (sign) => {
    const started = performance.now();
    blocksOf(`${sign}1=a `.repeat(5000));
    return performance.now() - started;
  };
  time("%");
  assert.ok(time("$") < 40 * time("%") + 200);
});

test("calls that follow each other are one piece, empty texts are none", () => {
  const blocks = [{ id: "t", type: "text", text: "" }, { id: "1", type: "tool" }, { id: "2", type: "approval" }, { id: "u", type: "text", text: "x" }];
  assert.deepEqual(piecesOf(blocks, false).map((piece) => [piece.sort, piece.blocks.length]), [["calls", 2], ["text", 1]]);
});

test("a diff tells what goes and comes, also lines that begin like its head", () => {
  const lines = diffLines("--- a\n+++ b\n@@ -1,2 +1,2 @@\n same\n--- gone\n+come\n");
  assert.deepEqual(lines.map((line) => line.sort), ["head", "head", "place", "same", "removed", "added"]);
});

test("a mention is what follows @ at the start of a word, and is completed there", () => {
  assert.equal(mentionAt("mean of @df", 11), "df");
  assert.equal(mentionAt("me@home", 7), null);
  assert.deepEqual(complete("a @d b", 4, "df"), ["a @df b", 6]);
  assert.deepEqual(complete("@", 1, "file:x.csv"), ["@file:x.csv ", 12]);
});

test("Enter or Shift+Enter sends, never while a word is composed", () => {
  const key = (fields) => ({ key: "Enter", shiftKey: false, ctrlKey: false, metaKey: false, isComposing: false, ...fields });
  assert.deepEqual([isSendKey(key({}), true), isSendKey(key({ shiftKey: true }), true)], [true, false]);
  assert.deepEqual([isSendKey(key({}), false), isSendKey(key({ shiftKey: true }), false)], [false, true]);
  assert.equal(isSendKey(key({ isComposing: true }), true), false);
  assert.equal(isSendKey(key({ ctrlKey: true }), false), true);
});

test("money is named only when it is known", () => {
  assert.deepEqual(usageWords({ model: "m", context_used: 512, context_limit: 1024, input_tokens: 1000, output_tokens: 234, cost_usd: null }), ["50% of context", "1,234 tokens"]);
  assert.deepEqual(usageWords({ model: "m", cost_usd: 0 }), ["$0.00"]);
  assert.equal(footerLine({ model: "m", seconds: 3.21, input_tokens: 1240, output_tokens: 310, tokens_per_s: 41.7, n_tools: 2 }), "m · 3.2 s · 1,240 in / 310 out · 42 tok/s · 2 tools");
});
