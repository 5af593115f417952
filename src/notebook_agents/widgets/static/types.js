/**
 * What the kernel and the views say to each other, as types. Nothing here runs.
 *
 * The kernel owns the state of a conversation; a view draws it and asks for changes.
 *
 * @typedef {{ id: string, label: string, note?: string }} ModelChoice
 * @typedef {{ id: string, label: string, hint?: string, is_risky?: boolean }} ModeChoice
 * @typedef {{
 *   model: string, models?: ModelChoice[], mode?: string, modes?: ModeChoice[],
 *   context_used?: number | null, context_limit?: number | null,
 *   input_tokens?: number, output_tokens?: number, cost_usd?: number | null,
 * }} Header
 * @typedef {{ id: string, label: string, kind: string, tokens?: number | null, image?: string }} Chip
 * @typedef {{ language?: string, text: string }} Code
 * @typedef {{ id: string, type: "text" | "thought", text: string }} TextBlock
 * @typedef {{ id: string, type: "note", level?: string, text: string }} NoteBlock
 * @typedef {{
 *   id: string, type: "tool", name: string, label?: string, status: string,
 *   arguments?: Record<string, unknown>, output?: string, duration_ms?: number, summary?: string,
 *   code?: Code, diff?: string, error?: string,
 * }} ToolBlock
 * @typedef {{
 *   id?: string, type?: "figure", label?: string, media_type?: string, content?: string,
 *   output_note?: string,
 * }} FigureBlock
 * @typedef {{ name: string, text?: string }} Change
 * @typedef {{
 *   state: string, text?: string, added?: Change[], changed?: Change[], removed?: Change[],
 *   output?: string, error?: string, files?: { path: string, text?: string }[],
 *   figures?: FigureBlock[],
 * }} Preview
 * @typedef {{
 *   id: string, type: "approval", call_id: string, name: string, label?: string, risk?: string,
 *   effect?: string, reason?: string,
 *   findings?: { risk: string, text: string, line?: number }[], forecast?: string,
 *   arguments?: Record<string, unknown>, code?: Code, diff?: string, where?: string,
 *   preview?: Preview | null, not_saved?: { name: string, reason: string }[],
 *   expires_at?: number | null, warning?: string, is_once?: boolean, decision?: string | null, feedback?: string,
 *   is_edited?: boolean,
 * }} ApprovalBlock
 * @typedef {TextBlock | NoteBlock | ToolBlock | ApprovalBlock | (FigureBlock & { id: string, type: "figure" })} Block
 * @typedef {{
 *   model?: string, seconds?: number, input_tokens?: number, output_tokens?: number,
 *   tokens_per_s?: number, cost_usd?: number | null, n_tools?: number, text?: string,
 * }} Footer
 * @typedef {{
 *   id: string, role: string, client_id?: string, blocks: Block[], state?: string,
 *   error?: { text: string, advice?: string } | null, run_id?: string, is_hidden?: boolean,
 *   attachments?: { label: string, kind: string, tokens?: number | null }[], footer?: Footer | null,
 *   rating?: string, undo?: { label: string, state: string, text?: string } | null,
 * }} Message
 * @typedef {{ id: string, title: string, updated_at?: number, n_messages?: number, is_open?: boolean }} ConversationRow
 * @typedef {{ state: string, run_id?: string, phase?: string, started_at?: number | null }} RunState
 * @typedef {{
 *   v?: number, conversation: { id: string, title: string }, header: Header, messages: Message[],
 *   run: RunState, queue: { id: string, text: string, client_id?: string }[], attachments: Chip[],
 *   conversations: ConversationRow[] | null, notice: { level: string, text: string } | null,
 *   offers: string[],
 * }} ChatState
 * @typedef {{ op: string, [field: string]: any }} Op
 * @typedef {{ kind: string, seq?: number, [field: string]: any }} Wire
 *
 * @typedef {{
 *   get(name: string): any,
 *   set(name: string, value: any): void,
 *   save_changes(): void,
 *   send(content: object, callbacks?: object, buffers?: ArrayBuffer[]): void,
 *   on(event: string, callback: (...args: any[]) => void): void,
 *   off(event: string, callback: (...args: any[]) => void): void,
 *   widget_manager?: any,
 * }} Model  what anywidget gives a view of the widget's model
 * @typedef {{ value: string, label: string, kind: string, detail?: string, tokens?: number }} Completion
 */

export const PROTOCOL_VERSION = 1;
