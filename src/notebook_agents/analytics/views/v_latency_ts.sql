-- One row per hour and agent: how long the runs took that ended in that hour, waiting included.
CREATE OR REPLACE VIEW v_latency_ts AS
SELECT
    time_bucket(INTERVAL '1 hour', ended) AS bucket,
    agent_id,
    count(*) AS runs,
    round(quantile_cont(duration_ms, 0.5), 1) AS p50_ms,
    round(quantile_cont(duration_ms, 0.9), 1) AS p90_ms,
    round(quantile_cont(duration_ms, 0.95), 1) AS p95_ms,
    round(quantile_cont(duration_ms, 0.99), 1) AS p99_ms,
    max(duration_ms) AS max_ms
FROM v_runs
WHERE ended IS NOT NULL
GROUP BY bucket, agent_id
ORDER BY bucket, agent_id;
