-- One row per conversation in which something ran: how long, how much, its cost and how it stands.
CREATE OR REPLACE VIEW v_conversations AS
WITH seen AS (
    SELECT
        conversation_id,
        any_value(nullif(user_id, '')) AS user_id,
        min(ts) AS first_active,
        max(ts) AS last_active
    FROM events WHERE conversation_id <> '' GROUP BY conversation_id
),
ratings AS (
    SELECT conversation_id, run_id, arg_max(payload ->> 'rating', ts) AS rating
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
work AS (
    SELECT
        conversation_id,
        count(*) AS runs,
        count(*) FILTER (status NOT IN ('succeeded', 'running', 'cancelled')) AS errors,
        arg_max(status, started) AS last_status,
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
    coalesce(bad_ratings, 0) AS bad_ratings
FROM seen
JOIN work USING (conversation_id)
LEFT JOIN rated USING (conversation_id)
ORDER BY last_active DESC;
