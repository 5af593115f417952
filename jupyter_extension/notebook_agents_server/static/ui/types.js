/**
 * What the server answers.
 * @typedef {Record<string, any>} Row
 * @typedef {{columns: string[], rows: any[][]}} Rows
 * @typedef {{data: any[], layout: Record<string, any>}} Figure
 * @typedef {Rows & {name: string, title: string, about: string, group: string, sql: string, parameters: Record<string, string>,
 *   figure: Figure | null, note: string, empty: string, bar: string}} Chart
 * @typedef {{label: string, value: string, about: string}} Kpi
 * @typedef {{value: string, label: string}} Choice
 * @typedef {{kpis: Kpi[], charts: Chart[], runs: Rows, choices: Record<string, Choice[]>, looked_at: string, empty: string,
 *   as_of: string, is_admin: boolean, everybody: boolean, fixed: string}} Board
 * @typedef {Rows & {figure: Figure | null, note: string}} Answer
 * @typedef {{id: string, words: string, verdict: string, figure: Figure | null, phases: Rows, events: Rows}} Run
 * @typedef {Record<string, string>} Filters
 */

export {};
