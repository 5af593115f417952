-- One row per tick of a schedule: what came of it, how late it was, how many failed in a row.
-- status is that of the execution it started, running until that ends, or skipped; what tries a
-- failed execution again is an execution of its own.
CREATE OR REPLACE VIEW v_schedules AS
WITH ticks AS (
    SELECT
        task_id,
        scheduled_for,
        execution_id,
        ts,
        user_id,
        late_s * 1000 AS late_ms,
        skip_reason
    FROM events WHERE type IN ('schedule_fired', 'schedule_skipped')
),
executions AS (
    SELECT
        execution_id,
        min(ts) FILTER (type = 'execution_started') AS started,
        any_value(status) AS state,
        any_value(duration_ms) AS duration_ms,
        any_value(n_runs) AS runs,
        any_value(cost_usd) AS cost_usd,
        any_value(error_type) AS error_type
    FROM events WHERE type IN ('execution_queued', 'execution_started', 'execution_finished')
    GROUP BY ALL
),
told AS (
    SELECT
        ticks.*,
        executions.* EXCLUDE (execution_id),
        CASE
            WHEN skip_reason IS NOT NULL THEN 'skipped' ELSE coalesce(state, 'running')
        END AS status,
        count(*) FILTER (state = 'succeeded') OVER sofar AS successes
    FROM ticks
    LEFT JOIN executions ON executions.execution_id = ticks.execution_id
    WINDOW sofar AS (PARTITION BY task_id ORDER BY scheduled_for, ts)
)
SELECT
    task_id,
    user_id,
    scheduled_for,
    execution_id,
    status,
    skip_reason,
    late_ms,
    started,
    duration_ms,
    runs,
    cost_usd,
    error_type,
    count(*) FILTER (status IN ('failed', 'timed_out', 'interrupted')) OVER (
        PARTITION BY task_id, successes ORDER BY scheduled_for, ts
    ) AS consecutive_failures
FROM told
ORDER BY task_id, scheduled_for;
