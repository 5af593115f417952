-- One row per webhook and kind of event: how many letters it was sent, and how they arrived.
-- Of the address only the host is recorded. waiting are letters that will be tried again.
CREATE OR REPLACE VIEW v_webhooks AS
WITH attempts AS (
    SELECT
        user_id,
        payload ->> 'webhook_id' AS webhook_id,
        payload ->> 'event_type' AS event_type,
        payload ->> 'delivery_id' AS delivery_id,
        payload ->> 'host' AS host,
        ts,
        status,
        (payload ->> 'http_status')::INTEGER AS http_status,
        TRY_CAST(payload ->> 'latency_ms' AS DOUBLE) AS latency_ms,
        error_type,
        TRY_CAST(nullif(payload ->> 'next_try_at', '') AS TIMESTAMPTZ) AS next_try_at
    FROM events WHERE type = 'webhook_attempted'
),
deliveries AS (
    SELECT
        user_id,
        webhook_id,
        event_type,
        delivery_id,
        count(*) AS attempts,
        arg_max(host, ts) AS host,
        arg_max(status, ts) AS status,
        max(ts) AS last_attempt,
        arg_max(next_try_at, ts) FILTER (next_try_at IS NOT NULL) AS next_try_at
    FROM attempts GROUP BY ALL
),
times AS (
    SELECT
        webhook_id,
        event_type,
        round(quantile_cont(latency_ms, 0.5), 1) AS p50_ms,
        round(quantile_cont(latency_ms, 0.95), 1) AS p95_ms,
        arg_max(http_status, ts) AS last_http_status,
        arg_max(error_type, ts) AS last_error
    FROM attempts GROUP BY webhook_id, event_type
)
SELECT
    webhook_id,
    user_id,
    arg_max(host, last_attempt) AS host,
    event_type,
    count(*) AS deliveries,
    sum(attempts)::BIGINT AS attempts,
    count(*) FILTER (status = 'delivered') AS delivered,
    count(*) FILTER (status = 'failed') AS dead_lettered,
    count(*) FILTER (status = 'retrying') AS waiting,
    any_value(p50_ms) AS p50_ms,
    any_value(p95_ms) AS p95_ms,
    arg_max(status, last_attempt) AS last_status,
    any_value(last_http_status) AS last_http_status,
    any_value(last_error) AS last_error,
    min(next_try_at) FILTER (status = 'retrying') AS next_try_at,
    max(last_attempt) AS last_attempt
FROM deliveries
LEFT JOIN times USING (webhook_id, event_type)
GROUP BY webhook_id, user_id, event_type
ORDER BY last_attempt DESC;
