-- One row per socket or streamed answer that was closed: how much it was sent, and how it kept up.
-- client_gone_at is NULL where the server ended it.
CREATE OR REPLACE VIEW v_streams AS
SELECT
    payload ->> 'stream_id' AS stream_id,
    user_id,
    dialect,
    payload ->> 'transport' AS transport,
    payload ->> 'route' AS route,
    ts - to_milliseconds(duration_ms) AS opened_at,
    ts AS closed_at,
    duration_ms,
    TRY_CAST(payload ->> 'n_events' AS BIGINT) AS events,
    TRY_CAST(payload ->> 'n_dropped' AS BIGINT) AS dropped,
    payload ->> 'is_resumed' = 'true' AS is_resumed,
    TRY_CAST(payload ->> 'max_lag_ms' AS DOUBLE) AS max_lag_ms,
    payload ->> 'reason' AS reason,
    CASE WHEN payload ->> 'reason' IN ('client_gone', 'fell_behind') THEN ts END AS client_gone_at
FROM events
WHERE type = 'stream_closed'
ORDER BY closed_at;
