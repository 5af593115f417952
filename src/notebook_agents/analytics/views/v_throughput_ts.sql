-- One row per hour in which something changed: runs that came, began, ended, and how many worked.
-- in_flight and queue_depth are those after the hour's last change, max_ the greatest after any.
CREATE OR REPLACE VIEW v_throughput_ts AS
WITH lives AS (
    SELECT
        run_id,
        min(ts) FILTER (type = 'run_queued') AS queued,
        min(ts) FILTER (type = 'run_started') AS started,
        min(ts) FILTER (type = 'run_finished') AS finished
    FROM events
    WHERE type IN ('run_queued', 'run_started', 'run_finished') AND run_id <> ''
    GROUP BY run_id
),
changes AS (
    SELECT queued AS ts, 'queued' AS what, 1 AS waiting, 0 AS working FROM lives
    UNION ALL
    SELECT started, 'started', -1, 1 FROM lives
    UNION ALL
    -- What was never begun leaves the queue as it ends.
    SELECT finished, 'finished', if(started IS NULL, -1, 0), if(started IS NULL, 0, -1) FROM lives
),
moments AS (
    SELECT ts, what, sum(waiting) OVER sofar AS queue_depth, sum(working) OVER sofar AS in_flight
    FROM changes WHERE ts IS NOT NULL
    WINDOW sofar AS (ORDER BY ts)
)
SELECT
    time_bucket(INTERVAL '1 hour', ts) AS bucket,
    count(*) FILTER (what = 'queued') AS runs_queued,
    count(*) FILTER (what = 'started') AS runs_started,
    count(*) FILTER (what = 'finished') AS runs_finished,
    arg_max(in_flight, ts)::BIGINT AS in_flight,
    max(in_flight)::BIGINT AS max_in_flight,
    arg_max(queue_depth, ts)::BIGINT AS queue_depth,
    max(queue_depth)::BIGINT AS max_queue_depth
FROM moments
GROUP BY bucket
ORDER BY bucket;
