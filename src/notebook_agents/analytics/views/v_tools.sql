-- One row per tool: how often it was used, how often it failed, how long it took, who was asked.
-- approvals are the calls for which a person was asked. bytes_in are those of arguments as JSON,
-- bytes_out and mean_bytes those of what came back.
CREATE OR REPLACE VIEW v_tools AS
WITH begun AS (
    SELECT
        tool_name AS tool,
        count_if(type = 'approval_requested') AS approvals,
        sum(arguments_bytes)::BIGINT AS bytes_in
    FROM events WHERE type IN ('approval_requested', 'tool_started') GROUP BY tool_name
),
uses AS (
    SELECT
        tool_name AS tool,
        count(*) AS calls,
        count_if(status <> 'succeeded') AS errors,
        count_if(status = 'denied') AS denied,
        quantile_cont(duration_ms, [0.5, 0.95]) AS ms,
        count(DISTINCT nullif(run_id, '')) AS runs,
        max(ts) AS last_used,
        avg(content_bytes) AS mean_bytes,
        sum(content_bytes)::BIGINT AS bytes_out
    FROM events WHERE type = 'tool_finished' GROUP BY tool_name
)
SELECT
    tool,
    calls,
    errors,
    round(errors / calls, 4) AS error_rate,
    denied,
    round(ms[1], 1) AS p50_ms,
    round(ms[2], 1) AS p95_ms,
    runs,
    last_used,
    coalesce(approvals, 0) AS approvals,
    round(denied / calls, 4) AS denied_rate,
    round(mean_bytes, 1) AS mean_bytes,
    bytes_in,
    bytes_out
FROM uses LEFT JOIN begun USING (tool);
