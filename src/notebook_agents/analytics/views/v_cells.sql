-- One row per cell of a notebook that records its cells: how often it ran, how long, how it ended.
-- broken_by are the agents' runs that wrote or changed what the cell failed with, or that ended
-- between a success and a failure of it; joined with v_runs it says what breaking it has cost.
-- execution_id and task_id are those of the newest execution of a task in which it ran.
CREATE OR REPLACE VIEW v_cells AS
WITH executed AS (
    SELECT
        user_id,
        coalesce(notebook, '') AS notebook,
        cell_id,
        ts,
        status,
        error_type,
        duration_ms,
        memory_bytes,
        memory_delta_bytes,
        after_run_id,
        changed_by_run_id,
        execution_id,
        task_id
    FROM events WHERE type = 'cell_executed'
),
compared AS (
    SELECT
        *,
        lag(status) OVER cell AS status_before,
        lag(after_run_id) OVER cell AS run_before
    FROM executed WINDOW cell AS (PARTITION BY user_id, notebook, cell_id ORDER BY ts)
),
judged AS (
    SELECT
        *,
        CASE
            WHEN status = 'failed' AND changed_by_run_id IS NOT NULL THEN changed_by_run_id
            WHEN status = 'failed' AND status_before = 'succeeded'
                AND after_run_id IS DISTINCT FROM run_before THEN after_run_id
        END AS broken_by_run_id
    FROM compared
)
SELECT
    user_id,
    notebook,
    cell_id,
    count(*) AS executions,
    count(*) FILTER (status = 'failed') AS errors,
    count(*) FILTER (status = 'interrupted') AS interrupted,
    arg_max(status, ts) AS last_status,
    arg_max(error_type, ts) FILTER (error_type IS NOT NULL) AS last_error_type,
    quantile_cont(duration_ms, 0.5) AS p50_ms,
    quantile_cont(duration_ms, 0.95) AS p95_ms,
    max(memory_bytes) AS memory_bytes,
    max(memory_delta_bytes) AS memory_delta_bytes,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    arg_max(after_run_id, ts) AS after_run_id,
    arg_max(changed_by_run_id, ts) AS changed_by_run_id,
    coalesce(
        list(DISTINCT broken_by_run_id) FILTER (broken_by_run_id IS NOT NULL), []
    ) AS broken_by,
    arg_max(execution_id, ts) AS execution_id,
    arg_max(task_id, ts) AS task_id
FROM judged
GROUP BY user_id, notebook, cell_id
ORDER BY last_seen DESC;
