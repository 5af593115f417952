-- One row per hour and agent: how long the runs took that ended in that hour, waiting included.
CREATE OR REPLACE VIEW v_latency_ts AS
WITH buckets AS (
    SELECT
        time_bucket(INTERVAL '1 hour', ended) AS bucket,
        agent_id,
        count(*) AS runs,
        quantile_cont(duration_ms, [0.5, 0.9, 0.95, 0.99]) AS ms,
        max(duration_ms) AS max_ms
    FROM v_runs
    WHERE ended IS NOT NULL
    GROUP BY bucket, agent_id
)
SELECT
    bucket,
    agent_id,
    runs,
    round(ms[1], 1) AS p50_ms,
    round(ms[2], 1) AS p90_ms,
    round(ms[3], 1) AS p95_ms,
    round(ms[4], 1) AS p99_ms,
    max_ms
FROM buckets
ORDER BY bucket, agent_id;
