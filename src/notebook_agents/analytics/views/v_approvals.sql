-- One row per decision about a tool call: who decided, what the call would do, and what was said.
CREATE OR REPLACE VIEW v_approvals AS
WITH asked AS (
    SELECT
        run_id,
        payload ->> 'call_id' AS call_id,
        max(ts) AS asked_at,
        any_value(payload ->> 'name') AS name,
        any_value(payload ->> 'effect') AS effect,
        any_value(payload -> 'findings') AS findings,
        any_value(conversation_id) AS conversation_id,
        any_value(user_id) AS user_id,
        any_value(dialect) AS dialect
    FROM events
    WHERE type = 'approval_requested'
    GROUP BY ALL
),
decided AS (
    SELECT
        events.*,
        payload ->> 'call_id' AS call_id,
        CASE
            WHEN type = 'tool_started' THEN 'policy'
            ELSE coalesce(payload ->> 'via', 'person')
        END AS via,
        type = 'tool_started' OR (payload ->> 'is_approved')::BOOLEAN AS allowed
    FROM events
    WHERE type = 'approval_decided'
        OR (type = 'tool_started' AND payload ->> 'allowed_by' = 'policy')
)
SELECT
    decided.ts AS decided_at,
    decided.run_id,
    decided.call_id,
    coalesce(nullif(decided.payload ->> 'name', ''), asked.name) AS tool,
    CASE WHEN allowed THEN 'allowed' ELSE 'denied' END AS decision,
    decided.via AS decided_by,
    coalesce(decided.payload ->> 'by', '') AS person,
    coalesce(decided.payload ->> 'scope', 'once') AS scope,
    coalesce(nullif(decided.payload ->> 'effect', ''), asked.effect) AS effect,
    array_to_string(
        list_transform(
            from_json(coalesce(decided.payload -> 'findings', asked.findings, '[]'), '["JSON"]'),
            lambda found: found ->> 'text'
        ),
        '; '
    ) AS findings,
    coalesce(decided.payload ->> 'feedback', '') AS feedback,
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
    NULL, run_id, call_id, name, 'waiting', '', '', 'once', effect,
    array_to_string(
        list_transform(from_json(coalesce(findings, '[]'), '["JSON"]'), lambda found: found ->> 'text'),
        '; '
    ),
    '', NULL, conversation_id, user_id, dialect
FROM asked
WHERE NOT EXISTS (
    SELECT 1 FROM decided WHERE decided.call_id = asked.call_id AND decided.run_id = asked.run_id
)
ORDER BY decided_at;
