-- Instants are milliseconds since 1970 (UTC). Columns that end in _json hold a value of the model as JSON.

CREATE TABLE snapshots (
    id            TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of body_json
    environment   TEXT   NOT NULL,
    body_json     TEXT   NOT NULL,
    revision_json TEXT   NOT NULL,             -- the one it was first rendered at
    at            BIGINT NOT NULL
);

CREATE TABLE memories (
    environment TEXT NOT NULL PRIMARY KEY,
    body_json   TEXT NOT NULL
);

CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE deployments (
    environment   TEXT   NOT NULL,
    number        BIGINT NOT NULL CHECK (number > 0),
    snapshot      TEXT   NOT NULL REFERENCES snapshots (id),
    revision_json TEXT   NOT NULL,
    trigger_json  TEXT   NOT NULL,
    actor         TEXT   NOT NULL,
    reason        TEXT,
    started       BIGINT NOT NULL,
    finished      BIGINT,                      -- NULL: it has not ended
    outcome_json  TEXT   NOT NULL,
    health_json   TEXT,
    plan_json     TEXT   NOT NULL,
    PRIMARY KEY (environment, number)
);
CREATE INDEX deployments_unfinished ON deployments (environment, number) WHERE finished IS NULL;
CREATE INDEX deployments_started ON deployments (started);

CREATE TABLE steps (
    environment  TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    target       TEXT   NOT NULL,
    place        BIGINT NOT NULL,              -- of the group in its target's plan
    action       BIGINT NOT NULL,              -- of the action in its group
    outcome_json TEXT   NOT NULL,
    output       TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (environment, number, target, place, action),
    FOREIGN KEY (environment, number) REFERENCES deployments (environment, number)
);

CREATE TABLE applied (
    environment TEXT NOT NULL,
    target      TEXT NOT NULL,
    resource    TEXT NOT NULL,
    body_json   TEXT NOT NULL,
    PRIMARY KEY (environment, target, resource)
);
