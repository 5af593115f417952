-- One row per model call that ended: how much it read, and how much more than the one before.
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
    output_tokens
FROM v_model_calls
WHERE ended IS NOT NULL
ORDER BY run_id, step;
