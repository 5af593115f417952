-- One row per day (UTC), agent and version: the runs that began then, how they ended, their time and cost.
CREATE OR REPLACE VIEW v_agents_daily AS
WITH names AS (
    SELECT agent_id, arg_max(agent_name, ts) AS agent
    FROM events
    WHERE type IN ('agent_created', 'agent_updated') AND agent_name IS NOT NULL
    GROUP BY agent_id
)
SELECT
    (started AT TIME ZONE 'UTC')::DATE AS day,
    agent_id,
    any_value(agent) AS agent,
    agent_version,
    count(*) AS runs,
    count(*) FILTER (status <> 'running') AS finished,
    round(
        count(*) FILTER (status = 'succeeded') / nullif(count(*) FILTER (status <> 'running'), 0), 4
    ) AS success_rate,
    round(quantile_cont(duration_ms, 0.5), 1) AS p50_ms,
    round(quantile_cont(duration_ms, 0.95), 1) AS p95_ms,
    round(quantile_cont(duration_ms, 0.99), 1) AS p99_ms,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(cached_tokens)::BIGINT AS cached_tokens,
    sum(reasoning_tokens)::BIGINT AS reasoning_tokens,
    sum(cost_usd) AS cost_usd,
    sum(uncosted_calls)::BIGINT AS uncosted_calls,
    count(DISTINCT user_id) AS users
FROM v_runs
LEFT JOIN names USING (agent_id)
GROUP BY day, agent_id, agent_version
ORDER BY day, agent_id, agent_version;
