-- One row per run and phase: where its time went, in milliseconds. queue, load, prefill, decode,
-- tools, person, which is waiting for an answer about tool calls, or other: of a run that ended,
-- the time that no phase tells of. Tools that work at the same time count each.
CREATE OR REPLACE VIEW v_run_phases AS
WITH questions AS (
    SELECT
        run_id,
        min(ts) FILTER (type = 'approval_requested') AS asked,
        max(ts) FILTER (type = 'approval_decided') AS decided
    FROM events WHERE type IN ('approval_requested', 'approval_decided')
    GROUP BY run_id, call_id
),
ends AS (
    -- Of runs that ended before they were answered.
    SELECT run_id, ts AS ended FROM events
    WHERE type = 'run_finished' AND run_id IN (SELECT run_id FROM questions WHERE decided IS NULL)
),
waits AS (
    -- Calls that are asked about together wait at the same time.
    SELECT run_id, max(epoch_ms(coalesce(decided, ended)) - epoch_ms(asked))::DOUBLE AS ms
    FROM questions LEFT JOIN ends USING (run_id)
    WHERE coalesce(decided, ended) IS NOT NULL GROUP BY run_id, asked
),
facts AS (
    -- What a clock that went back would make negative counts as nothing.
    SELECT
        run_id,
        if(type = 'tool_finished', NULL, greatest(queue_ms, 0)) AS queue,
        if(
            type = 'model_finished',
            greatest(
                duration_ms - coalesce(queue_ms, 0) - coalesce(ttft_ms, 0)
                - coalesce(decode_ms, 0), 0
            ),
            NULL
        ) AS load,
        if(type = 'model_finished', greatest(ttft_ms, 0), NULL) AS prefill,
        if(type = 'model_finished', greatest(decode_ms, 0), NULL) AS decode,
        if(type = 'tool_finished', greatest(duration_ms, 0), NULL) AS tools,
        NULL::DOUBLE AS person,
        if(type = 'run_finished', duration_ms, NULL) AS whole
    FROM events
    WHERE run_id <> '' AND type IN (
        'run_started', 'model_finished', 'tool_finished', 'run_finished'
    )
    UNION ALL
    SELECT run_id, NULL, NULL, NULL, NULL, NULL, greatest(ms, 0), NULL FROM waits WHERE run_id <> ''
),
sums AS (
    SELECT
        run_id,
        [sum(queue), sum(load), sum(prefill), sum(decode), sum(tools), sum(person)] AS parts,
        any_value(whole) AS whole
    FROM facts GROUP BY run_id
),
phases AS (
    SELECT
        run_id,
        unnest(['queue', 'load', 'prefill', 'decode', 'tools', 'person', 'other']) AS phase,
        round(unnest(list_append(parts, whole - coalesce(list_sum(parts), 0))), 1) AS ms
    FROM sums
)
SELECT run_id, phase, ms FROM phases WHERE ms > 0;
