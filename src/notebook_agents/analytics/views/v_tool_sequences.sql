-- One row per agent and sequence of 2 to 4 tool calls of a run: loops and thrashing show here.
-- success_rate is the share of those in which every call succeeded, mean_ms the time of the tools.
CREATE OR REPLACE VIEW v_tool_sequences AS
WITH calls AS (
    SELECT
        run_id,
        any_value(agent_id) AS agent_id,
        any_value(tool_name) AS tool,
        min(run_seq) AS place,
        any_value(status = 'succeeded') AS is_success,
        any_value(duration_ms) AS ms
    FROM events
    WHERE type IN ('tool_started', 'tool_finished') AND run_id <> ''
    GROUP BY run_id, call_id
),
followed AS (
    SELECT
        agent_id,
        run_id,
        list(tool) OVER next AS tools,
        list(is_success) OVER next AS successes,
        list(ms) OVER next AS durations
    FROM calls
    WINDOW next AS (PARTITION BY run_id ORDER BY place ROWS BETWEEN CURRENT ROW AND 3 FOLLOWING)
),
sequences AS (
    SELECT agent_id, run_id, tools, successes, durations, unnest(range(2, len(tools) + 1)) AS n
    FROM followed
)
SELECT
    agent_id,
    array_to_string(tools[1:n], ' → ') AS sequence,
    n AS length,
    count(*) AS occurrences,
    count(DISTINCT run_id) AS runs,
    -- A call that still runs is neither: it makes its sequences unknown unless another failed.
    round(
        avg(CASE
            WHEN list_contains(successes[1:n], false) THEN 0
            WHEN list_count(successes[1:n]) = n THEN 1
        END),
        4
    ) AS success_rate,
    round(avg(list_sum(durations[1:n])), 1) AS mean_ms
FROM sequences
GROUP BY agent_id, sequence, length
ORDER BY occurrences DESC, length DESC, sequence;
