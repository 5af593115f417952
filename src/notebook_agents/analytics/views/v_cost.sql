-- One row per day (UTC), user, agent, model and list of prices: calls, tokens and known cost.
-- A call without a known price, or broken off, is uncosted; a cost is never 0 for want of one.
-- cost_usd_per_million is of the tokens whose cost is known, read and written together.
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
    count(*) - count(cost_usd) AS uncosted_calls,
    sum(cached_tokens)::BIGINT AS cached_tokens,
    sum(reasoning_tokens)::BIGINT AS reasoning_tokens,
    sum(cost_usd) * 1e6
        / nullif(sum(input_tokens + output_tokens) FILTER (cost_usd IS NOT NULL), 0)
        AS cost_usd_per_million,
    price_version
FROM v_model_calls
GROUP BY ALL;
