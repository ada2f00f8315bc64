-- The challenges. No code and no hash of a code is stored: it is recomputed.
CREATE TABLE challenges (
    id           TEXT    NOT NULL PRIMARY KEY,
    principal    TEXT    NOT NULL,
    rail         TEXT    NOT NULL,
    mode         TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('payment', 'refund', 'request')),
    digest       BLOB    NOT NULL,
    nonce        BLOB    NOT NULL,
    factor       TEXT    NOT NULL,
    key_id       TEXT    NOT NULL,  -- the version of the server's key that makes its reference
    text         TEXT    NOT NULL,
    amount       INTEGER NOT NULL CHECK (amount > 0),
    currency     TEXT    NOT NULL,
    account      TEXT    NOT NULL,
    payee        TEXT    NOT NULL,
    institution  TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('open', 'consumed', 'locked', 'expired', 'declined', 'refused')),
    delivered_at INTEGER,
    replay_key   TEXT    UNIQUE,  -- what the accepted code used up (a TOTP time step): never accepted again
    duplicate_of TEXT,
    reservations TEXT    NOT NULL DEFAULT '',  -- JSON: what it takes of which limit, for as long as money may move
    failed       INTEGER NOT NULL DEFAULT 0,  -- how many wrong codes were entered for it
    request      TEXT    NOT NULL DEFAULT '',  -- JSON: from which the request is built again where a decision arrives
    requirement  TEXT    NOT NULL DEFAULT '',  -- JSON: which decisions it needs; '' where a code confirms it
    created_at   INTEGER NOT NULL,  -- all times: milliseconds since 1970, UTC
    expires_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX challenges_by_digest ON challenges (principal, digest, created_at);
CREATE UNIQUE INDEX one_open_challenge ON challenges (principal, digest) WHERE state = 'open';

CREATE INDEX open_challenges_by_expiry ON challenges (expires_at) WHERE state = 'open';
CREATE INDEX challenges_for_people ON challenges (created_at, id) WHERE state = 'open' AND requirement <> '';

-- What all payments of a scope and period take of a limit.
CREATE TABLE limit_usage (
    scope  TEXT    NOT NULL,
    bucket INTEGER NOT NULL,  -- the beginning of the period
    amount INTEGER NOT NULL,
    PRIMARY KEY (scope, bucket)
) STRICT;

-- How often each principal was refused within one window, before anybody was asked: only the first are recorded.
CREATE TABLE refusals (
    principal TEXT    NOT NULL PRIMARY KEY,
    since     INTEGER NOT NULL,  -- the beginning of the window
    count     INTEGER NOT NULL,
    previous  INTEGER NOT NULL   -- the count of the window before
) STRICT;

-- Every code that was entered, counted before it was compared. 'open' counts as wrong until it is known to be right.
-- 'void': a wrong one that an operator no longer counts for its principal.
CREATE TABLE attempts (
    id           INTEGER NOT NULL PRIMARY KEY,
    principal    TEXT    NOT NULL,
    challenge_id TEXT    REFERENCES challenges (id),
    at           INTEGER NOT NULL,
    outcome      TEXT    NOT NULL CHECK (outcome IN ('open', 'wrong', 'right', 'void')),
    mac          TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX attempts_by_challenge ON attempts (challenge_id);
CREATE INDEX attempts_by_principal ON attempts (principal, at) WHERE outcome <> 'right';

-- One payment (or refund) per consumed challenge: the primary key is the challenge's. One per reference and rail.
CREATE TABLE payments (
    id               TEXT    NOT NULL PRIMARY KEY REFERENCES challenges (id),
    principal        TEXT    NOT NULL,
    rail             TEXT    NOT NULL,
    mode             TEXT    NOT NULL,
    kind             TEXT    NOT NULL CHECK (kind IN ('payment', 'refund', 'request')),
    refund_of        TEXT    REFERENCES payments (id),
    reference        TEXT    NOT NULL,
    amount           INTEGER NOT NULL CHECK (amount > 0),
    currency         TEXT    NOT NULL,
    account          TEXT    NOT NULL,
    payee            TEXT    NOT NULL,
    institution      TEXT    NOT NULL,
    payer            TEXT    NOT NULL,  -- whose money leaves: only with that account is it looked up or sent again
    arguments        TEXT    NOT NULL,  -- JSON, as the agent gave them
    body             BLOB    NOT NULL,  -- exactly what leaves
    facts            TEXT    NOT NULL,  -- JSON: what the rail wants to remember
    state            TEXT    NOT NULL CHECK (state IN ('sending', 'pending', 'settled', 'returned', 'unknown', 'rejected', 'review')),
    fence            INTEGER NOT NULL,
    owner            TEXT,
    sends            INTEGER NOT NULL,
    lookups          INTEGER NOT NULL DEFAULT 0,
    provider_id      TEXT    NOT NULL DEFAULT '',
    code             TEXT    NOT NULL DEFAULT '',
    provider_message TEXT    NOT NULL DEFAULT '',
    created_at       INTEGER NOT NULL,
    sent_at          INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    settled_at       INTEGER,
    next_at          INTEGER,
    watch_until      INTEGER,
    resend_until     INTEGER,
    absent_after     INTEGER,
    CHECK ((kind = 'refund') = (refund_of IS NOT NULL))
) STRICT;

-- One payment for each reference of a rail. One that never left (RAIL_UNREACHABLE) leaves its reference free.
CREATE UNIQUE INDEX one_payment_per_reference ON payments (rail, mode, reference)
    WHERE state <> 'rejected' OR code <> 'RAIL_UNREACHABLE';
CREATE INDEX unsent_payments_by_reference ON payments (rail, mode, reference)
    WHERE state = 'rejected' AND code = 'RAIL_UNREACHABLE';
CREATE INDEX payments_due ON payments (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX payments_by_time ON payments (created_at);
CREATE INDEX payments_by_account ON payments (rail, mode, account, amount, created_at);
CREATE INDEX refunds_by_payment ON payments (refund_of) WHERE refund_of IS NOT NULL;
CREATE INDEX rejected_payments_by_watch ON payments (watch_until) WHERE state = 'rejected';

-- The audit chain: one chain per payment, each hash over the one before. Nothing here is ever changed.
CREATE TABLE events (
    seq        INTEGER NOT NULL PRIMARY KEY,
    payment_id TEXT    NOT NULL,  -- or 'journal': what befell the journal as a whole
    n          INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    body       TEXT    NOT NULL,  -- canonical JSON, accounts masked
    hash       TEXT    NOT NULL,
    mac        TEXT    NOT NULL DEFAULT '',  -- over the hash: only riel writes events
    row_mac    TEXT    NOT NULL DEFAULT '',  -- over the whole row of the challenge or payment, as this event leaves it
    challenge_id TEXT GENERATED ALWAYS AS (nullif(payment_id, 'journal')) VIRTUAL REFERENCES challenges (id),
    UNIQUE (payment_id, n)
) STRICT;

-- Over all chains: the hashes of every event since the last anchor, in the order of writing.
CREATE TABLE anchors (
    n     INTEGER NOT NULL PRIMARY KEY,
    at    INTEGER NOT NULL,
    upto  INTEGER NOT NULL,  -- the last event's seq
    count INTEGER NOT NULL,
    hash  TEXT    NOT NULL,
    mac   TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_not_removed BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER anchors_are_not_changed BEFORE UPDATE ON anchors BEGIN SELECT RAISE(ABORT, 'anchors are append-only'); END;
CREATE TRIGGER anchors_are_not_removed BEFORE DELETE ON anchors BEGIN SELECT RAISE(ABORT, 'anchors are append-only'); END;

-- One person's yes or no about a challenge that people decide. Nothing here is ever changed.
CREATE TABLE decisions (
    challenge_id   TEXT NOT NULL REFERENCES challenges (id),
    approver       TEXT NOT NULL,
    verdict        TEXT NOT NULL CHECK (verdict IN ('yes', 'no')),
    how            TEXT NOT NULL,
    credential     TEXT NOT NULL,
    proof          TEXT NOT NULL,  -- JSON: with which it is verified again
    replay_key     TEXT UNIQUE,
    policy_version INTEGER NOT NULL,
    reason         TEXT NOT NULL,  -- of a no
    at             INTEGER NOT NULL,
    mac            TEXT NOT NULL,  -- over the whole row
    PRIMARY KEY (challenge_id, approver)
) STRICT;

-- The documents of state that give rights: people, policy, freeze. Each is proven by its newest event in the chain
-- 'journal', which holds the MAC of its row.
CREATE TABLE controls (
    name     TEXT NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    document TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE INDEX control_events ON events (event, n) WHERE payment_id = 'journal';

-- Every sign-in, enrolment, change of a control and decision uses its proof up.
CREATE TABLE used_proofs (
    replay_key TEXT NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    mac        TEXT NOT NULL
) STRICT;

-- What leaves besides the payment, written in the transaction that made it true; delivered at least once.
CREATE TABLE outbox (
    id         TEXT    NOT NULL PRIMARY KEY,
    topic      TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    failure    TEXT    NOT NULL DEFAULT '',  -- of the last delivery
    failed_at  INTEGER,
    sent_at    INTEGER,
    mac        TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX outbox_due ON outbox (next_at) WHERE sent_at IS NULL;

-- The server's key that this journal is bound to, by its id: with another one no code and no reference is right.
CREATE TABLE server_keys (
    id        TEXT    NOT NULL PRIMARY KEY,
    singleton INTEGER NOT NULL UNIQUE DEFAULT 1 CHECK (singleton = 1)
) STRICT;
