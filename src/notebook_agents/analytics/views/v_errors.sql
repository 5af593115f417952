-- One row per kind of error and where it came from: how often, its share of all, a run that has it.
-- operation is run, tool, execution or cell. What was cancelled or denied is no error.
CREATE OR REPLACE VIEW v_errors AS
WITH found AS (
    SELECT
        split_part(type, '_', 1) AS operation,
        coalesce(error_type, status) AS error_type,
        nullif(agent_id, '') AS agent_id,
        tool_name AS tool,
        nullif(run_id, '') AS run_id,
        ts
    FROM events
    WHERE type IN ('run_finished', 'tool_finished', 'execution_finished', 'cell_finished')
        AND status IN ('failed', 'timed_out', 'interrupted')
),
run_models AS (
    SELECT run_id, any_value(model) AS model
    FROM events
    WHERE type = 'run_queued' AND run_id IN (SELECT run_id FROM found)
    GROUP BY run_id
)
SELECT
    operation,
    error_type,
    agent_id,
    tool,
    model,
    count(*) AS errors,
    round(count(*) / sum(count(*)) OVER (), 4) AS share,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    arg_max(run_id, ts) AS sample_run
FROM found
LEFT JOIN run_models USING (run_id)
GROUP BY operation, error_type, agent_id, tool, model
ORDER BY errors DESC, last_seen DESC;
