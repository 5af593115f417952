-- One row per budget and period (UTC) since it was set: what was spent of it, and what will be.
-- spent_usd is what is known; of uncosted_calls the cost is not, and it is never taken for 0:
-- where no cost is known at all, it is NULL. The limit is the one that held last in the period.
CREATE OR REPLACE VIEW v_budget AS
WITH limits AS (
    SELECT
        user_id,
        payload ->> 'period' AS period,
        ts AT TIME ZONE 'UTC' AS set_at,
        TRY_CAST(payload ->> 'limit_usd' AS DOUBLE) AS limit_usd
    FROM events WHERE type = 'budget_set'
),
kinds AS (
    SELECT user_id, period, date_trunc(period, min(set_at)) AS since
    FROM limits GROUP BY user_id, period
),
used AS (
    SELECT
        kinds.user_id,
        period,
        date_trunc(period, day::TIMESTAMP) AS begins,
        sum(calls) AS calls,
        sum(cost_usd) AS spent_usd,
        sum(uncosted_calls) AS uncosted_calls
    FROM kinds JOIN v_cost ON v_cost.user_id = kinds.user_id AND day >= since::DATE
    GROUP BY ALL
),
periods AS (
    SELECT user_id, period, begins FROM used
    UNION
    SELECT user_id, period, date_trunc(period, now() AT TIME ZONE 'UTC') FROM kinds
),
spans AS (
    SELECT
        periods.*,
        begins + CASE period WHEN 'day' THEN INTERVAL 1 DAY ELSE INTERVAL 1 MONTH END AS ends,
        CASE WHEN coalesce(calls, 0) = 0 THEN 0 ELSE spent_usd END AS spent_usd,
        coalesce(uncosted_calls, 0)::BIGINT AS uncosted_calls
    FROM periods LEFT JOIN used USING (user_id, period, begins)
),
told AS (
    SELECT
        spans.*,
        limit_usd,
        -- In the first hour of a day, or day of a month, a projection would be a guess.
        least(
            greatest(
                (epoch(now() AT TIME ZONE 'UTC') - epoch(begins)) / (epoch(ends) - epoch(begins)),
                1 / 24
            ),
            1
        ) AS passed
    FROM spans
    ASOF JOIN limits
        ON spans.user_id = limits.user_id
        AND spans.period = limits.period
        AND spans.ends > limits.set_at
)
SELECT
    user_id,
    period,
    begins::DATE AS begins,
    limit_usd,
    spent_usd,
    round(spent_usd / passed, 6) AS projected_usd,
    round(spent_usd / nullif(limit_usd, 0) * 100, 1) AS pct,
    spent_usd > limit_usd AS is_over,
    uncosted_calls
FROM told
WHERE limit_usd IS NOT NULL
ORDER BY begins DESC, user_id, period;
