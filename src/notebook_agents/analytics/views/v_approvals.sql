-- One row per decision about a tool call: who decided, what the call would do, and what was said.
-- Nobody has decided yet where it is waiting, and nobody did where it is unanswered: the run ended.
CREATE OR REPLACE VIEW v_approvals AS
WITH asked AS (
    SELECT
        run_id,
        call_id,
        max(ts) AS asked_at,
        any_value(tool_name) AS name,
        any_value(effect) AS effect,
        any_value(findings) AS findings,
        any_value(conversation_id) AS conversation_id,
        any_value(user_id) AS user_id,
        any_value(dialect) AS dialect
    FROM events
    WHERE type = 'approval_requested'
    GROUP BY ALL
),
decided AS (
    SELECT
        ts,
        run_id,
        call_id,
        tool_name,
        via,
        conversation_id,
        user_id,
        dialect,
        person,
        scope,
        effect,
        findings,
        feedback,
        type = 'tool_started' OR status = 'allowed' AS allowed
    FROM events
    WHERE type = 'approval_decided'
        OR (type = 'tool_started' AND via = 'policy')
)
SELECT
    decided.ts AS decided_at,
    decided.run_id,
    decided.call_id,
    coalesce(decided.tool_name, asked.name) AS tool,
    CASE WHEN allowed THEN 'allowed' ELSE 'denied' END AS decision,
    decided.via AS decided_by,
    coalesce(decided.person, '') AS person,
    coalesce(decided.scope, 'once') AS scope,
    coalesce(decided.effect, asked.effect) AS effect,
    coalesce(
        array_to_string(
            list_transform(
                from_json(nullif(coalesce(decided.findings, asked.findings), '[]'), '["JSON"]'),
                lambda found: found ->> 'text'
            ),
            '; '
        ),
        ''
    ) AS findings,
    coalesce(decided.feedback, '') AS feedback,
    date_diff('millisecond', asked.asked_at, decided.ts) / 1000.0 AS waited_s,
    decided.conversation_id,
    decided.user_id,
    decided.dialect
FROM decided
LEFT JOIN asked
    ON asked.call_id = decided.call_id
    AND asked.run_id = decided.run_id
    AND decided.run_id <> ''
UNION ALL
SELECT
    NULL, run_id, call_id, name, if(ended IS NULL, 'waiting', 'unanswered'), '', '', 'once', effect,
    coalesce(
        array_to_string(
            list_transform(
                from_json(nullif(findings, '[]'), '["JSON"]'), lambda found: found ->> 'text'
            ),
            '; '
        ),
        ''
    ),
    '', date_diff('millisecond', asked_at, ended) / 1000.0, conversation_id, user_id, dialect
FROM asked
LEFT JOIN (SELECT run_id, ts AS ended FROM events WHERE type = 'run_finished') AS ends USING (run_id)
WHERE NOT EXISTS (
    SELECT 1 FROM decided WHERE decided.call_id = asked.call_id AND decided.run_id = asked.run_id
)
ORDER BY decided_at;
