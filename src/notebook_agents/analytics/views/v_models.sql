-- One row per model: calls, how they ended, how fast it answers, what it costs.
-- A call is an error when it never ended and its run failed, timed out or was interrupted.
CREATE OR REPLACE VIEW v_models AS
WITH calls AS (
    SELECT
        v_model_calls.*,
        ended IS NULL AND run_ends.state IN ('failed', 'timed_out', 'interrupted') AS has_failed
    FROM v_model_calls
    LEFT JOIN (
        SELECT run_id, any_value(status) AS state
        FROM events WHERE type = 'run_finished' AND run_id <> '' GROUP BY run_id
    ) AS run_ends USING (run_id)
)
SELECT
    model,
    count(*) AS calls,
    count(DISTINCT run_id) AS runs,
    to_json(histogram(finish_reason) FILTER (ended IS NOT NULL))::VARCHAR AS finish_reasons,
    count(*) FILTER (has_failed) AS errors,
    round(count(*) FILTER (has_failed) / count(*), 4) AS error_rate,
    coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
    round(quantile_cont(nullif(ttft_ms, 0), 0.5), 1) AS p50_ttft_ms,
    round(quantile_cont(nullif(ttft_ms, 0), 0.95), 1) AS p95_ttft_ms,
    round(
        sum(output_tokens) FILTER (decode_ms > 0) / sum(nullif(decode_ms, 0)) * 1000, 1
    ) AS tokens_per_s,
    sum(cost_usd) AS cost_usd,
    count(*) FILTER (cost_usd IS NULL) AS uncosted_calls,
    -- Of all runs or of none: a part of the cost would look like a price.
    CASE WHEN count(cost_usd) = count(*) THEN sum(cost_usd) / count(DISTINCT run_id) * 1000 END
        AS cost_usd_per_1000_runs,
    max(started) AS last_used
FROM calls
GROUP BY model;
