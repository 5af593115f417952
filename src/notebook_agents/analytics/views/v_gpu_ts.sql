-- One row per hour and device of the engine: how busy it was, its memory, and what came of it.
-- On a machine without a GPU, device is cpu, and what only a GPU tells is NULL.
CREATE OR REPLACE VIEW v_gpu_ts AS
WITH samples AS (
    SELECT
        time_bucket(INTERVAL '1 hour', ts) AS bucket,
        payload ->> 'device' AS device,
        TRY_CAST(payload ->> 'period_s' AS DOUBLE) AS period_s,
        TRY_CAST(payload ->> 'utilization_percent' AS DOUBLE) AS utilization_percent,
        TRY_CAST(payload ->> 'memory_used_bytes' AS BIGINT) AS memory_used_bytes,
        TRY_CAST(payload ->> 'memory_total_bytes' AS BIGINT) AS memory_total_bytes,
        TRY_CAST(payload ->> 'batch_mean' AS DOUBLE) AS batch_mean,
        TRY_CAST(payload ->> 'kv_used_bytes' AS BIGINT) AS kv_used_bytes,
        TRY_CAST(payload ->> 'kv_total_bytes' AS BIGINT) AS kv_total_bytes,
        TRY_CAST(payload ->> 'n_tokens' AS BIGINT) AS n_tokens,
        TRY_CAST(payload ->> 'n_waiting' AS BIGINT) AS n_waiting,
        TRY_CAST(payload ->> 'energy_wh' AS DOUBLE) AS energy_wh
    FROM events WHERE type = 'engine_sampled'
),
waits AS (
    SELECT
        time_bucket(INTERVAL '1 hour', ts) AS bucket,
        round(quantile_cont(queue_ms, 0.95), 1) AS queue_wait_p95_ms
    FROM events WHERE type = 'model_finished' GROUP BY bucket
),
hours AS (
    SELECT
        bucket,
        device,
        count(*) AS samples,
        round(
            sum(utilization_percent * period_s)
            / nullif(sum(period_s) FILTER (utilization_percent >= 0), 0),
            1
        ) AS utilization_percent,
        max(memory_used_bytes) AS memory_used_bytes,
        max(memory_total_bytes) AS memory_total_bytes,
        -- Of the time in which something was decoded.
        round(avg(batch_mean) FILTER (batch_mean > 0), 2) AS batch_mean,
        max(kv_used_bytes) AS kv_used_bytes,
        max(kv_total_bytes) AS kv_total_bytes,
        sum(n_tokens)::BIGINT AS tokens,
        round(sum(n_tokens) / nullif(sum(period_s), 0), 1) AS tokens_per_s,
        -- A GPU second is one in which the GPU computed.
        round(
            sum(n_tokens) FILTER (utilization_percent > 0)
            / nullif(sum(utilization_percent / 100 * period_s), 0),
            1
        ) AS tokens_per_gpu_s,
        max(n_waiting) AS max_waiting,
        round(sum(energy_wh), 3) AS energy_wh
    FROM samples GROUP BY bucket, device
)
SELECT hours.*, queue_wait_p95_ms
FROM hours LEFT JOIN waits USING (bucket)
ORDER BY bucket, device;
