-- One row per model call that ended: how much it read, of how much it can, and how that grows.
-- percent_full and cached_share are NULL where the model or its provider does not tell.
CREATE OR REPLACE VIEW v_tokens_context AS
SELECT
    run_id,
    step,
    user_id,
    model,
    started,
    messages,
    dropped_messages,
    input_tokens AS context_tokens,
    input_tokens - lag(input_tokens) OVER (PARTITION BY run_id ORDER BY step) AS growth_tokens,
    output_tokens,
    context_length,
    round(100 * input_tokens / nullif(context_length, 0), 1) AS percent_full,
    round(cached_tokens / nullif(input_tokens, 0), 4) AS cached_share
FROM v_model_calls
WHERE ended IS NOT NULL
ORDER BY run_id, step;
