-- One row per event of a run: its place in time. Filter by run_id.
-- Facts about a run that are not numbered, such as its undo, come after those that are.
CREATE OR REPLACE VIEW v_run_timeline AS
SELECT
    run_id,
    run_seq,
    round(epoch_ms(ts) - min(epoch_ms(ts)) OVER (PARTITION BY run_id), 1) AS offset_ms,
    type,
    coalesce(tool_name, payload ->> 'name', model) AS name,
    duration_ms,
    coalesce(output_tokens, (payload ->> 'n_tokens')::BIGINT) AS tokens,
    coalesce(status, finish_reason) AS status,
    payload
FROM events
WHERE run_id <> ''
ORDER BY run_id, nullif(run_seq, 0) NULLS LAST, ts;
