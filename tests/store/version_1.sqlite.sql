-- The schema of version 1, as the first release made it.
CREATE TABLE agents (
    id VARCHAR(36) NOT NULL,
    owner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    model TEXT NOT NULL,
    instructions TEXT NOT NULL,
    tools JSON NOT NULL,
    security_level TEXT NOT NULL,
    max_memory_mb INTEGER NOT NULL,
    timeout_s FLOAT NOT NULL,
    sampling JSON NOT NULL,
    policy JSON NOT NULL,
    metadata JSON NOT NULL,
    status TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    last_used DATETIME,
    PRIMARY KEY (id)
);
CREATE INDEX agents_by_owner ON agents (owner_id, created_at);
CREATE TABLE api_keys (
    id VARCHAR(36) NOT NULL,
    owner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    expires_at DATETIME,
    revoked_at DATETIME,
    last_used DATETIME,
    PRIMARY KEY (id),
    UNIQUE (digest)
);
CREATE INDEX ix_api_keys_owner_id ON api_keys (owner_id);
CREATE TABLE conversations (
    id VARCHAR(36) NOT NULL,
    owner_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    title TEXT NOT NULL,
    tip_id TEXT NOT NULL,
    message_count INTEGER NOT NULL,
    workspace TEXT NOT NULL,
    context JSON NOT NULL,
    forked_from TEXT NOT NULL,
    active_run_id TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX conversations_by_owner ON conversations (owner_id, created_at);
CREATE TABLE messages (
    id VARCHAR(36) NOT NULL,
    parent_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    message JSON NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_messages_conversation_id ON messages (conversation_id);
CREATE TABLE revoked_tokens (
    id VARCHAR(36) NOT NULL,
    owner_id TEXT NOT NULL,
    expires_at DATETIME NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE runs (
    id VARCHAR(36) NOT NULL,
    owner_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    state TEXT NOT NULL,
    model TEXT NOT NULL,
    dialect TEXT NOT NULL,
    input JSON NOT NULL,
    input_id TEXT NOT NULL,
    previous_tip_id TEXT NOT NULL,
    holder TEXT NOT NULL,
    tools JSON NOT NULL,
    sampling JSON NOT NULL,
    limits JSON NOT NULL,
    policy JSON NOT NULL,
    system TEXT NOT NULL,
    metadata JSON NOT NULL,
    pending JSON NOT NULL,
    decisions JSON NOT NULL,
    text TEXT NOT NULL,
    tool_calls JSON NOT NULL,
    usage JSON NOT NULL,
    n_steps INTEGER NOT NULL,
    error_code TEXT NOT NULL,
    error_message TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    started_at DATETIME,
    ended_at DATETIME,
    PRIMARY KEY (id)
);
CREATE INDEX ix_runs_conversation_id ON runs (conversation_id);
CREATE INDEX ix_runs_state ON runs (state);
CREATE INDEX runs_by_owner ON runs (owner_id, created_at);
CREATE TABLE schema_version (
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    applied_at DATETIME NOT NULL,
    PRIMARY KEY (version)
);
CREATE TABLE users (
    id VARCHAR(36) NOT NULL,
    username TEXT NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    is_admin BOOLEAN NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    last_login DATETIME,
    PRIMARY KEY (id),
    UNIQUE (username),
    UNIQUE (email)
);
INSERT INTO schema_version (version, name, applied_at) VALUES (1, 'fresh', '2026-01-01 00:00:00');
