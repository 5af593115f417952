-- One row per call of a model: which model, how long each part took, its tokens and its cost.
-- Of a call that was broken off or still goes on only the beginning is known; the rest is NULL.
CREATE OR REPLACE VIEW v_model_calls AS
SELECT
    run_id,
    (payload ->> 'step')::BIGINT AS step,
    any_value(agent_id) AS agent_id,
    any_value(conversation_id) AS conversation_id,
    any_value(user_id) AS user_id,
    any_value(dialect) AS dialect,
    any_value(payload ->> 'model') AS model,
    min(ts) AS started,
    max(ts) FILTER (type = 'model_finished') AS ended,
    any_value(payload ->> 'finish_reason') AS finish_reason,
    any_value((payload ->> 'n_messages')::BIGINT) AS messages,
    any_value((payload ->> 'n_dropped')::BIGINT) AS dropped_messages,
    any_value(json_array_length(payload -> 'tool_calls')::BIGINT) AS tool_calls,
    any_value((payload ->> '$.usage.input_tokens')::BIGINT) AS input_tokens,
    any_value((payload ->> '$.usage.output_tokens')::BIGINT) AS output_tokens,
    any_value((payload ->> '$.usage.cost_usd')::DOUBLE) AS cost_usd,
    any_value((payload ->> 'queue_ms')::DOUBLE) AS queue_ms,
    any_value((payload ->> 'ttft_ms')::DOUBLE) AS ttft_ms,
    any_value((payload ->> 'decode_ms')::DOUBLE) AS decode_ms,
    any_value((payload ->> 'duration_ms')::DOUBLE) AS duration_ms
FROM events
WHERE type IN ('model_started', 'model_finished') AND run_id <> ''
GROUP BY run_id, step;
