-- Profiles of the AI accounts.

-- name: insert_profile
-- Keep the first profile of an AI account.
INSERT INTO ai_profiles (account_id, body, is_from_file, updated_at)
SELECT id, $2::jsonb, $3, $4 FROM accounts WHERE id = $1 AND kind = 'ai'
ON CONFLICT DO NOTHING
RETURNING version

-- name: replace_profile
-- Write a profile where it is still the version that was read.
UPDATE ai_profiles SET body = $2::jsonb, is_from_file = $3, updated_at = $4, version = version + 1
WHERE account_id = $1 AND version = $5
RETURNING version

-- name: remove_profile
-- Take a profile away; its account stays.
DELETE FROM ai_profiles WHERE account_id = $1 RETURNING account_id

-- name: name_account
-- Let an account be shown under another name.
UPDATE accounts SET display_name = $2 WHERE id = $1

-- name: profile
-- Read one account's profile.
SELECT p.account_id, p.body, p.version, p.is_from_file, p.updated_at, a.disabled_at IS NOT NULL AS disabled
FROM ai_profiles p JOIN accounts a ON a.id = p.account_id WHERE p.account_id = $1

-- name: profiles
-- List all profiles.
SELECT p.account_id, p.body, p.version, p.is_from_file, p.updated_at, a.disabled_at IS NOT NULL AS disabled
FROM ai_profiles p JOIN accounts a ON a.id = p.account_id ORDER BY a.folded_handle

-- name: move_profiles_version
-- Tell every pod to read the profiles again.
UPDATE server_state SET profiles_version = profiles_version + 1

-- name: profiles_version
-- Read how often a profile, or a profile's key, was changed.
SELECT profiles_version FROM server_state
