-- One row per call of a model: which model, how long each part took, its tokens and its cost.
-- Of a call that was broken off or still goes on only the beginning is known; the rest is NULL.
CREATE OR REPLACE VIEW v_model_calls AS
SELECT
    run_id,
    step,
    any_value(agent_id) AS agent_id,
    any_value(conversation_id) AS conversation_id,
    any_value(user_id) AS user_id,
    any_value(dialect) AS dialect,
    any_value(model) AS model,
    min(ts) AS started,
    max(if(type = 'model_finished', ts, NULL)) AS ended,
    any_value(finish_reason) AS finish_reason,
    any_value(n_messages) AS messages,
    any_value(n_dropped) AS dropped_messages,
    any_value(n_tool_calls) AS tool_calls,
    any_value(input_tokens) AS input_tokens,
    any_value(output_tokens) AS output_tokens,
    any_value(cost_usd) AS cost_usd,
    any_value(queue_ms) AS queue_ms,
    any_value(ttft_ms) AS ttft_ms,
    any_value(decode_ms) AS decode_ms,
    any_value(duration_ms) AS duration_ms,
    any_value(cached_tokens) AS cached_tokens,
    any_value(reasoning_tokens) AS reasoning_tokens,
    any_value(context_length) AS context_length,
    any_value(price_version) AS price_version,
    any_value(gpu_s) AS gpu_s
FROM events
WHERE type IN ('model_started', 'model_finished') AND run_id <> ''
GROUP BY run_id, step;
