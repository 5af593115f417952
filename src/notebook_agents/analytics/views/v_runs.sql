-- One row per run: when, by whom, how long, how many tokens, and how it ended.
CREATE OR REPLACE VIEW v_runs AS
WITH model_steps AS (
    SELECT
        run_id,
        count(*) FILTER (type = 'model_finished') AS model_calls,
        -- Of what was broken off the cost is not known either.
        count(DISTINCT payload ->> 'step') - count(payload ->> '$.usage.cost_usd') AS uncosted_calls,
        arg_min((payload ->> 'ttft_ms')::DOUBLE, run_seq) AS ttft_ms,
        sum((payload ->> '$.usage.input_tokens')::BIGINT) AS input_tokens,
        sum((payload ->> '$.usage.output_tokens')::BIGINT) AS output_tokens,
        sum((payload ->> '$.usage.cost_usd')::DOUBLE) AS cost_usd,
        sum((payload ->> 'decode_ms')::DOUBLE) AS decode_ms
    FROM events WHERE type IN ('model_started', 'model_finished') GROUP BY run_id
),
tool_uses AS (
    SELECT run_id, count(*) AS tool_calls
    FROM events WHERE type = 'tool_finished' AND run_id <> '' GROUP BY run_id
),
lives AS (
    SELECT
        run_id,
        any_value(agent_id) AS agent_id,
        any_value(conversation_id) AS conversation_id,
        any_value(user_id) AS user_id,
        any_value(dialect) AS dialect,
        any_value(payload ->> 'model') FILTER (type = 'run_queued') AS model,
        min(ts) AS started,
        max(ts) FILTER (type = 'run_finished') AS ended,
        any_value((payload ->> 'queue_ms')::DOUBLE) FILTER (type = 'run_started') AS queue_ms,
        any_value(payload ->> 'state') FILTER (type = 'run_finished') AS final_state,
        any_value((payload ->> 'duration_ms')::DOUBLE) FILTER (type = 'run_finished') AS duration_ms,
        any_value(nullif(payload ->> 'error_code', '')) FILTER (type = 'run_finished') AS error_type
    FROM events WHERE run_id <> '' GROUP BY run_id
)
SELECT
    run_id,
    agent_id,
    conversation_id,
    user_id,
    dialect,
    model,
    coalesce(final_state, 'running') AS status,
    started,
    ended,
    queue_ms,
    ttft_ms,
    duration_ms,
    coalesce(model_calls, 0) AS steps,
    coalesce(model_calls, 0) AS model_calls,
    coalesce(tool_calls, 0) AS tool_calls,
    coalesce(input_tokens, 0) AS input_tokens,
    coalesce(output_tokens, 0) AS output_tokens,
    cost_usd,
    round(output_tokens / nullif(decode_ms, 0) * 1000, 1) AS tokens_per_s,
    error_type,
    coalesce(uncosted_calls, 0) AS uncosted_calls
FROM lives LEFT JOIN model_steps USING (run_id) LEFT JOIN tool_uses USING (run_id);
