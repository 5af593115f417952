-- One row per tool: how often it was used, how often it failed, how long it took.
CREATE OR REPLACE VIEW v_tools AS
SELECT
    payload ->> 'name' AS tool,
    count(*) AS calls,
    count(*) FILTER (payload ->> 'status' <> 'succeeded') AS errors,
    round(count(*) FILTER (payload ->> 'status' <> 'succeeded') / count(*), 4) AS error_rate,
    count(*) FILTER (payload ->> 'status' = 'denied') AS denied,
    round(quantile_cont((payload ->> 'duration_ms')::DOUBLE, 0.5), 1) AS p50_ms,
    round(quantile_cont((payload ->> 'duration_ms')::DOUBLE, 0.95), 1) AS p95_ms,
    count(DISTINCT nullif(run_id, '')) AS runs,
    max(ts) AS last_used
FROM events
WHERE type = 'tool_finished'
GROUP BY tool;
