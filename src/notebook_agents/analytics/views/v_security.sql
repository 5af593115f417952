-- One row per refusal: when, whose, by which rule, of which tool, and what it would have done.
-- By the policy, or by a tool itself for a path, a statement or an address that is out of bounds.
CREATE OR REPLACE VIEW v_security AS
SELECT
    ts,
    user_id,
    CASE type
        WHEN 'security_violation' THEN payload ->> 'rule'
        ELSE lower(replace(error_type, '_', '-'))
    END AS rule,
    coalesce(
        payload ->> 'name',
        nullif(regexp_extract(payload ->> 'action', '^(?:call|execute) (.+)$', 1), '')
    ) AS tool,
    coalesce(payload ->> 'action', 'call ' || (payload ->> 'name')) AS action,
    'refused' AS decision,
    coalesce(payload ->> 'detail', payload ->> 'content') AS detail,
    nullif(run_id, '') AS run_id,
    agent_id,
    conversation_id,
    dialect
FROM (
    SELECT * FROM events WHERE type = 'security_violation'
    UNION ALL
    SELECT * FROM events
    WHERE type = 'tool_finished'
        AND error_type IN ('PATH_DENIED', 'SQL_DENIED', 'URL_DENIED', 'REDIRECT_DENIED')
)
ORDER BY ts;
