-- One row per conversation in which something ran: how long, how much, its cost and how it stands.
-- turns are runs in which a model answered, messages those that it has with the last run's, forks
-- those in which something ran. resolution is what a person said of the last run's answer
-- (resolved, unresolved), else how that run stands: answered, unresolved, abandoned or open.
CREATE OR REPLACE VIEW v_conversations AS
WITH seen AS (
    -- What is between the beginning and the end of a run is at no other time.
    SELECT
        conversation_id,
        any_value(nullif(user_id, '')) AS user_id,
        min(ts) AS first_active,
        max(ts) AS last_active,
        arg_max(message_count, ts) FILTER (message_count IS NOT NULL) AS messages
    FROM events
    WHERE conversation_id <> '' AND type NOT IN (
        'text_delta', 'thought', 'tool_output'
    )
    GROUP BY conversation_id
),
ratings AS (
    SELECT conversation_id, run_id, arg_max(rating, ts) AS rating
    FROM events WHERE type = 'answer_rated' AND conversation_id <> ''
    GROUP BY conversation_id, run_id
),
rated AS (
    SELECT
        conversation_id,
        count(*) FILTER (rating = 'good') AS good_ratings,
        count(*) FILTER (rating = 'bad') AS bad_ratings
    FROM ratings GROUP BY conversation_id
),
copied AS (
    SELECT forked_from, count(DISTINCT conversation_id) AS forks
    FROM events WHERE type = 'run_queued' AND forked_from IS NOT NULL GROUP BY forked_from
),
work AS (
    SELECT
        conversation_id,
        count(*) AS runs,
        count(*) FILTER (status NOT IN ('succeeded', 'running', 'cancelled')) AS errors,
        arg_max(status, started) AS last_status,
        arg_max(run_id, started) AS last_run_id,
        count_if(model_calls > 0) AS turns,
        sum(tool_calls)::BIGINT AS tool_calls,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        sum(cost_usd) AS cost_usd,
        sum(uncosted_calls)::BIGINT AS uncosted_calls
    FROM v_runs WHERE conversation_id <> '' GROUP BY conversation_id
)
SELECT
    conversation_id,
    user_id,
    first_active,
    last_active,
    (epoch_ms(last_active) - epoch_ms(first_active))::DOUBLE AS duration_ms,
    runs,
    errors,
    last_status,
    tool_calls,
    input_tokens,
    output_tokens,
    cost_usd,
    uncosted_calls,
    coalesce(good_ratings, 0) AS good_ratings,
    coalesce(bad_ratings, 0) AS bad_ratings,
    turns,
    messages,
    coalesce(forks, 0) AS forks,
    CASE
        WHEN rating = 'good' THEN 'resolved'
        WHEN rating = 'bad' THEN 'unresolved'
        WHEN last_status = 'succeeded' THEN 'answered'
        WHEN last_status = 'cancelled' THEN 'abandoned'
        WHEN last_status = 'running' THEN 'open'
        ELSE 'unresolved'
    END AS resolution
FROM seen
JOIN work USING (conversation_id)
LEFT JOIN rated USING (conversation_id)
LEFT JOIN copied ON copied.forked_from = work.conversation_id
LEFT JOIN ratings
    ON ratings.conversation_id = work.conversation_id AND ratings.run_id = last_run_id
ORDER BY last_active DESC;
