-- One row per event of a run: its place in time. Filter by run_id.
-- Facts about a run that are not numbered, such as its undo, come after those that are.
CREATE OR REPLACE VIEW v_run_timeline AS
SELECT
    run_id,
    run_seq,
    round(epoch_ms(ts) - min(epoch_ms(ts)) OVER (PARTITION BY run_id), 1) AS offset_ms,
    type,
    coalesce(payload ->> 'name', payload ->> 'model') AS name,
    (payload ->> 'duration_ms')::DOUBLE AS duration_ms,
    coalesce((payload ->> '$.usage.output_tokens')::BIGINT, (payload ->> 'n_tokens')::BIGINT) AS tokens,
    coalesce(payload ->> 'status', payload ->> 'state', payload ->> 'finish_reason') AS status,
    payload
FROM events
WHERE run_id <> ''
ORDER BY run_id, nullif(run_seq, 0) NULLS LAST, ts;
