-- One row per day (UTC), user, agent and model: calls, tokens and what is known of their cost.
-- A call without a known price, or broken off, is uncosted; a cost is never 0 for want of one.
CREATE OR REPLACE VIEW v_cost AS
SELECT
    (started AT TIME ZONE 'UTC')::DATE AS day,
    user_id,
    agent_id,
    model,
    count(*) AS calls,
    coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
    sum(cost_usd) AS cost_usd,
    count(*) FILTER (cost_usd IS NULL) AS uncosted_calls
FROM v_model_calls
GROUP BY ALL;
