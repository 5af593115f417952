-- One row per user who ran something: since when, how much, how well it went, what it cost.
CREATE OR REPLACE VIEW v_users AS
SELECT
    user_id,
    min(started) AS first_seen,
    max(coalesce(ended, started)) AS last_seen,
    count(DISTINCT (started AT TIME ZONE 'UTC')::DATE) AS active_days,
    count(DISTINCT nullif(conversation_id, '')) AS conversations,
    count(*) AS runs,
    sum(tool_calls)::BIGINT AS tool_calls,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(cost_usd) AS cost_usd,
    sum(uncosted_calls)::BIGINT AS uncosted_calls,
    -- Of what has ended; a run that its user cancelled is no error.
    round(
        count(*) FILTER (status NOT IN ('succeeded', 'running', 'cancelled'))
        / nullif(count(*) FILTER (status <> 'running'), 0),
        4
    ) AS error_rate,
    round(quantile_cont(duration_ms, 0.95), 1) AS p95_ms
FROM v_runs
WHERE user_id <> ''
GROUP BY user_id
ORDER BY last_seen DESC;
