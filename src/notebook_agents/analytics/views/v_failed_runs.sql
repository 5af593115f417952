-- One row per run that failed, timed out or was interrupted: what it did then, and why it ended.
-- failing_span is what had begun and not ended: chat MODEL, execute_tool NAME or approval NAME.
-- NULL is between two of them, as where a budget is used up.
CREATE OR REPLACE VIEW v_failed_runs AS
WITH failures AS MATERIALIZED (
    SELECT
        run_id,
        any_value(agent_id) AS agent_id,
        any_value(user_id) AS user_id,
        any_value(dialect) AS dialect,
        max(ts) AS ended,
        any_value(status) AS status,
        any_value(error_type) AS error_type,
        any_value(error_message) AS error_message
    FROM events
    WHERE type = 'run_finished' AND run_id <> ''
        AND status IN ('failed', 'timed_out', 'interrupted')
    GROUP BY run_id
),
spans AS (
    SELECT
        run_id,
        split_part(type, '_', 1) AS kind,
        coalesce(tool_name, model) AS name,
        coalesce(call_id, step::VARCHAR) AS span_id,
        run_seq,
        type IN ('model_started', 'tool_started', 'approval_requested') AS begins,
        -- A call that its run's end broke off has not come to an end of its own.
        type <> 'tool_finished' OR status <> 'cancelled' AS closes
    FROM events
    WHERE run_id IN (SELECT run_id FROM failures) AND type IN (
        'model_started', 'model_finished', 'tool_started', 'tool_finished',
        'approval_requested', 'approval_decided'
    )
),
whole AS (
    SELECT
        run_id,
        kind,
        any_value(name) FILTER (begins) AS name,
        max(run_seq) FILTER (begins) AS began,
        bool_or(NOT begins AND closes) AS has_ended,
        if(kind = 'model', any_value(span_id)::BIGINT, NULL) AS step
    FROM spans GROUP BY run_id, kind, span_id
),
steps AS (
    SELECT
        run_id,
        max(step) FILTER (has_ended) AS last_ok_step,
        arg_max(
            if(kind = 'model', 'chat', if(kind = 'tool', 'execute_tool', kind)) || ' ' || name,
            began
        ) FILTER (NOT has_ended) AS failing_span
    FROM whole GROUP BY run_id
),
tool_failures AS (
    SELECT run_id, count(*) AS tool_errors
    FROM events
    WHERE type = 'tool_finished' AND run_id IN (SELECT run_id FROM failures)
        AND status IN ('failed', 'timed_out')
    GROUP BY run_id
),
wishes AS (
    SELECT
        run_id,
        min(ts) AS queued,
        any_value(model) AS model,
        any_value(input_chars) AS input_chars
    FROM events
    WHERE type = 'run_queued' AND run_id IN (SELECT run_id FROM failures)
    GROUP BY run_id
)
SELECT
    run_id,
    agent_id,
    user_id,
    dialect,
    model,
    status,
    coalesce(queued, ended) AS started,
    ended,
    last_ok_step,
    failing_span,
    error_type,
    error_message,
    coalesce(tool_errors, 0) AS tool_errors,
    input_chars
FROM failures
LEFT JOIN steps USING (run_id)
LEFT JOIN tool_failures USING (run_id)
LEFT JOIN wishes USING (run_id)
ORDER BY ended DESC;
