-- One row per two versions of an agent and metric: how they differ, with a 95 % interval.
-- version_a ran first; difference is b less a. With fewer than 2 runs on a side there is no
-- interval, and one that holds 0 says that the difference may be chance.
-- Means: B. L. Welch, "The generalization of 'Student's' problem", Biometrika 34 (1947), with
-- Satterthwaite's degrees of freedom, rounded down; quantiles of t up to 30 degrees from the
-- NIST/SEMATECH e-Handbook, 1.3.6.7.2, above by Abramowitz and Stegun, 26.7.5.
-- Rates: R. G. Newcombe, "Interval estimation for the difference between independent
-- proportions", Statistics in Medicine 17 (1998), method 10, on Wilson's score intervals.
CREATE OR REPLACE VIEW v_ab AS
WITH versions AS (
    SELECT run_id, any_value(agent_version) AS agent_version
    FROM events WHERE type = 'run_queued' AND agent_version IS NOT NULL GROUP BY run_id
),
runs AS (
    SELECT v_runs.*, versions.agent_version AS version
    FROM v_runs JOIN versions ON versions.run_id = v_runs.run_id
    WHERE status <> 'running'
),
figures AS (
    SELECT
        agent_id,
        version,
        started,
        unnest([
            {'metric': 'success_rate', 'figure': (status = 'succeeded')::INTEGER::DOUBLE},
            {'metric': 'duration_ms', 'figure': duration_ms::DOUBLE},
            {'metric': 'steps', 'figure': steps::DOUBLE},
            {'metric': 'tool_calls', 'figure': tool_calls::DOUBLE},
            {'metric': 'input_tokens', 'figure': input_tokens::DOUBLE},
            {'metric': 'output_tokens', 'figure': output_tokens::DOUBLE},
            -- A run with calls of unknown cost would look cheap.
            {
                'metric': 'cost_usd',
                'figure': CASE WHEN uncosted_calls = 0 THEN cost_usd::DOUBLE END
            }
        ], recursive := true)
    FROM runs
),
sums AS (
    SELECT
        agent_id,
        version,
        metric,
        min(started) AS first_run,
        count(figure) AS n,
        avg(figure) AS mean,
        coalesce(var_samp(figure), 0) AS variance,
        -- Wilson's interval, of use where the figure is 0 or 1.
        (avg(figure) + 1.9208 / count(figure)) / (1 + 3.8415 / count(figure)) AS middle,
        1.96 * sqrt(greatest(avg(figure) * (1 - avg(figure)), 0) / count(figure)
            + 0.9604 / count(figure) ** 2) / (1 + 3.8415 / count(figure)) AS half
    FROM figures WHERE figure IS NOT NULL GROUP BY agent_id, version, metric
),
pairs AS (
    SELECT
        a.agent_id,
        a.metric,
        a.version AS version_a,
        b.version AS version_b,
        a.n AS n_a,
        b.n AS n_b,
        a.mean AS mean_a,
        b.mean AS mean_b,
        b.mean - a.mean AS difference,
        a.variance / a.n AS square_a,
        b.variance / b.n AS square_b,
        sqrt((b.mean - b.middle + b.half) ** 2 + (a.middle + a.half - a.mean) ** 2) AS below,
        sqrt((b.middle + b.half - b.mean) ** 2 + (a.mean - a.middle + a.half) ** 2) AS above
    FROM sums AS a
    JOIN sums AS b ON a.agent_id = b.agent_id AND a.metric = b.metric
        AND (a.first_run, a.version) < (b.first_run, b.version)
),
freedom AS (
    SELECT
        *,
        floor((square_a + square_b) ** 2 / nullif(
            square_a ** 2 / nullif(n_a - 1, 0) + square_b ** 2 / nullif(n_b - 1, 0), 0
        )) AS degrees
    FROM pairs
),
widths AS (
    SELECT
        *,
        sqrt(square_a + square_b) * CASE
            WHEN square_a + square_b = 0 THEN 0
            WHEN degrees <= 30 THEN [
                12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042
            ][greatest(degrees, 1)::INTEGER]
            ELSE 1.959964 + 2.372271 / degrees + 2.822502 / degrees ** 2
                + 2.555850 / degrees ** 3
        END AS half_width
    FROM freedom
)
SELECT
    agent_id,
    metric,
    version_a,
    version_b,
    n_a,
    n_b,
    round(mean_a, 6) AS mean_a,
    round(mean_b, 6) AS mean_b,
    round(difference, 6) AS difference,
    CASE
        WHEN least(n_a, n_b) < 2 THEN NULL
        WHEN metric = 'success_rate' THEN round(difference - below, 6)
        ELSE round(difference - half_width, 6)
    END AS low,
    CASE
        WHEN least(n_a, n_b) < 2 THEN NULL
        WHEN metric = 'success_rate' THEN round(difference + above, 6)
        ELSE round(difference + half_width, 6)
    END AS high,
    CASE WHEN metric = 'success_rate' THEN 'Newcombe' ELSE 'Welch' END AS method
FROM widths
ORDER BY agent_id, version_a, version_b, metric;
