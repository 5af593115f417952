-- One row per set of questions, scorer and version of an agent: how well it did, and against whom.
-- The baseline is the version of the same agent that was scored there first.
CREATE OR REPLACE VIEW v_evals AS
WITH scores AS (
    SELECT
        payload ->> 'dataset' AS dataset,
        payload ->> 'dataset_version' AS version,
        payload ->> 'scorer' AS scorer,
        agent_id,
        coalesce(agent_version, '') AS agent_version,
        TRY_CAST(payload ->> 'value' AS DOUBLE) AS value,
        TRY_CAST(payload ->> 'is_passed' AS BOOLEAN) AS is_passed,
        ts
    FROM events WHERE type = 'score_recorded'
),
sums AS (
    SELECT
        dataset,
        version,
        scorer,
        agent_id,
        agent_version,
        count(*) AS n,
        avg(value) AS mean,
        quantile_cont(value, 0.1) AS p10,
        count(*) FILTER (is_passed) / nullif(count(is_passed), 0) AS pass_rate,
        min(ts) AS first_scored,
        max(ts) AS last_scored
    FROM scores GROUP BY ALL
),
told AS (
    SELECT *, first_value(mean) OVER earlier AS baseline
    FROM sums
    WINDOW earlier AS (
        PARTITION BY dataset, version, scorer, agent_id ORDER BY first_scored, agent_version
    )
)
SELECT
    dataset,
    version,
    scorer,
    agent_id,
    agent_version,
    n,
    round(mean, 6) AS mean,
    round(p10, 6) AS p10,
    round(pass_rate, 4) AS pass_rate,
    round(mean - baseline, 6) AS delta_vs_baseline,
    first_scored,
    last_scored
FROM told
ORDER BY dataset, version, scorer, agent_id, first_scored;
