-- One row per API, method, pattern of paths and status: how many requests, and how long they took.
-- Of the time of an answer that streams this is the whole; sockets are in v_streams. bytes_in and
-- bytes_out are those of bodies before they were compressed; NULL where an older version counted.
CREATE OR REPLACE VIEW v_api AS
WITH served AS (
    SELECT
        dialect,
        payload ->> 'method' AS method,
        payload ->> 'route' AS route,
        TRY_CAST(status AS INTEGER) AS status,
        TRY_CAST(payload ->> 'n' AS BIGINT) AS n,
        TRY_CAST(payload -> 'durations_ms' AS DOUBLE[]) AS durations_ms,
        TRY_CAST(payload ->> 'request_bytes' AS BIGINT) AS request_bytes,
        TRY_CAST(payload ->> 'response_bytes' AS BIGINT) AS response_bytes,
        ts
    FROM events WHERE type = 'requests_served'
)
SELECT
    dialect,
    method,
    route,
    status,
    sum(n)::BIGINT AS requests,
    round(list_aggregate(flatten(list(durations_ms)), 'quantile_cont', 0.5), 1) AS p50_ms,
    round(list_aggregate(flatten(list(durations_ms)), 'quantile_cont', 0.95), 1) AS p95_ms,
    coalesce(sum(n) FILTER (status = 429), 0)::BIGINT AS rate_limited,
    coalesce(sum(n) FILTER (status IN (401, 403)), 0)::BIGINT AS auth_failures,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    sum(request_bytes)::BIGINT AS bytes_in,
    sum(response_bytes)::BIGINT AS bytes_out
FROM served
GROUP BY dialect, method, route, status
ORDER BY requests DESC, dialect, route, method, status;
