-- One row per hour and model: how soon and how fast the calls answered that ended in that hour.
CREATE OR REPLACE VIEW v_ttft_ts AS
WITH calls AS (
    SELECT
        time_bucket(INTERVAL '1 hour', ended) AS bucket,
        model,
        output_tokens,
        nullif(ttft_ms, 0) AS ttft_ms,
        nullif(decode_ms, 0) AS decode_ms,
        -- The first token belongs to the time before it.
        nullif(decode_ms, 0) / nullif(output_tokens - 1, 0) AS inter_token_ms
    FROM v_model_calls
    WHERE ended IS NOT NULL
)
SELECT
    bucket,
    model,
    count(*) AS calls,
    round(quantile_cont(ttft_ms, 0.5), 1) AS p50_ttft_ms,
    round(quantile_cont(ttft_ms, 0.95), 1) AS p95_ttft_ms,
    round(quantile_cont(inter_token_ms, 0.5), 2) AS p50_inter_token_ms,
    round(quantile_cont(inter_token_ms, 0.95), 2) AS p95_inter_token_ms,
    round(sum(output_tokens) FILTER (decode_ms > 0) / sum(decode_ms) * 1000, 1) AS tokens_per_s
FROM calls
GROUP BY bucket, model
ORDER BY bucket, model;
