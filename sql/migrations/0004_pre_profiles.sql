-- Profiles of the AI accounts, and the counter by which every pod sees that one of them changed.

ALTER TABLE server_state ADD COLUMN profiles_version bigint NOT NULL DEFAULT 1;

-- Name, provider, model, persona, prices … of one AI account. Its key is never here.
CREATE TABLE ai_profiles (
    account_id text COLLATE "C" PRIMARY KEY REFERENCES accounts,
    body jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    is_from_file boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL
);

-- AI accounts that were there before: they go on with the server's own model.
INSERT INTO ai_profiles (account_id, body, updated_at)
SELECT id, jsonb_build_object('handle', handle, 'name', coalesce(nullif(left(display_name, 64), ''), handle)), now()
FROM accounts WHERE kind = 'ai' AND handle ~ '^[a-z0-9][a-z0-9_.-]{0,31}$';
