-- One row per run and phase: where its time went, in milliseconds. queue, load, prefill, decode,
-- tools, or person, which is waiting for an answer about tool calls.
CREATE OR REPLACE VIEW v_run_phases AS
WITH steps AS (
    SELECT
        run_id,
        coalesce((payload ->> 'queue_ms')::DOUBLE, 0) AS queue_ms,
        coalesce((payload ->> 'ttft_ms')::DOUBLE, 0) AS ttft_ms,
        coalesce((payload ->> 'decode_ms')::DOUBLE, 0) AS decode_ms,
        coalesce((payload ->> 'duration_ms')::DOUBLE, 0) AS duration_ms
    FROM events WHERE type = 'model_finished'
),
questions AS (
    SELECT
        run_id,
        min(ts) FILTER (type = 'approval_requested') AS asked,
        max(ts) FILTER (type = 'approval_decided') AS decided
    FROM events WHERE type IN ('approval_requested', 'approval_decided')
    GROUP BY run_id, payload ->> 'call_id'
),
waits AS (
    -- Calls that are asked about together wait at the same time.
    SELECT run_id, max(epoch_ms(decided) - epoch_ms(asked))::DOUBLE AS ms
    FROM questions WHERE decided IS NOT NULL GROUP BY run_id, asked
),
parts AS (
    SELECT
        run_id,
        unnest(['queue', 'load', 'prefill', 'decode']) AS phase,
        unnest([queue_ms, duration_ms - queue_ms - ttft_ms - decode_ms, ttft_ms, decode_ms]) AS ms
    FROM steps
    UNION ALL
    SELECT run_id, 'queue', (payload ->> 'queue_ms')::DOUBLE FROM events WHERE type = 'run_started'
    UNION ALL
    SELECT run_id, 'tools', (payload ->> 'duration_ms')::DOUBLE
    FROM events WHERE type = 'tool_finished'
    UNION ALL
    SELECT run_id, 'person', ms FROM waits
)
SELECT run_id, phase, round(sum(ms), 1) AS ms
FROM parts WHERE run_id <> '' AND ms > 0
GROUP BY run_id, phase;
