-- Accounts, the hashes of their secrets, invites, settings.

-- name: insert_account
-- Make an account, unless its handle, id or external subject is in use.
INSERT INTO accounts (id, kind, handle, folded_handle, display_name, email, issuer, subject, is_operator, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT DO NOTHING
RETURNING id, kind, handle, display_name, is_operator, disabled_at IS NOT NULL AS disabled

-- name: account_by_id
-- Find an account.
SELECT id, kind, handle, display_name, is_operator, disabled_at IS NOT NULL AS disabled FROM accounts WHERE id = $1

-- name: account_by_handle
-- Find an account by its folded handle.
SELECT id, kind, handle, display_name, is_operator, disabled_at IS NOT NULL AS disabled
FROM accounts WHERE folded_handle = $1

-- name: account_by_subject
-- Find the account of a user of an external sign-in service.
SELECT id, kind, handle, display_name, is_operator, disabled_at IS NOT NULL AS disabled
FROM accounts WHERE issuer = $1 AND subject = $2

-- name: accounts_by_id
-- Find several accounts.
SELECT id, kind, handle, display_name, is_operator, disabled_at IS NOT NULL AS disabled
FROM accounts WHERE id = ANY($1::text[])

-- name: list_accounts
-- List all accounts.
SELECT id, kind, handle, display_name, is_operator, disabled_at IS NOT NULL AS disabled
FROM accounts ORDER BY folded_handle

-- name: first_free_handle
-- Choose the first of these handles that nobody has.
SELECT w.handle FROM unnest($1::text[]) WITH ORDINALITY AS w(handle, n)
WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.folded_handle = w.handle)
ORDER BY w.n LIMIT 1

-- name: set_account_disabled
-- Disable or enable an account; no row when it is so already.
UPDATE accounts SET disabled_at = CASE WHEN $2 THEN $3::timestamptz END
WHERE id = $1 AND (disabled_at IS NOT NULL) <> $2
RETURNING id

-- name: disabled_accounts
-- Of these accounts, those that are disabled or not there.
SELECT w.id FROM unnest($1::text[]) AS w(id) LEFT JOIN accounts a ON a.id = w.id
WHERE a.id IS NULL OR a.disabled_at IS NOT NULL

-- name: move_access_version
-- Tell every pod to check its live identities.
UPDATE server_state SET access_version = access_version + 1

-- name: access_version
-- Read how often access was taken away.
SELECT access_version FROM server_state

-- name: password_hash
-- Read an account's password hash.
SELECT password_hash FROM credentials WHERE account_id = $1

-- name: put_password_hash
-- Write an account's password hash.
INSERT INTO credentials (account_id, password_hash) SELECT id, $2 FROM accounts WHERE id = $1
ON CONFLICT (account_id) DO UPDATE SET password_hash = excluded.password_hash
RETURNING account_id

-- name: replace_password_hash
-- Write an account's password hash where it is still the one that was read.
UPDATE credentials SET password_hash = $2 WHERE account_id = $1 AND password_hash = $3 RETURNING account_id

-- name: add_access_token
-- Keep a new token's digest.
INSERT INTO access_tokens (id, account_id, label, sha256, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id

-- name: find_access_token
-- Find a token by its digest, whatever its state.
SELECT t.id, t.account_id, t.label, t.created_at, t.expires_at, t.revoked_at,
       a.disabled_at IS NOT NULL AS account_disabled, a.is_operator AS account_is_operator
FROM access_tokens t JOIN accounts a ON a.id = t.account_id WHERE t.sha256 = $1

-- name: list_access_tokens
-- List tokens, of one account or of all.
SELECT t.id, t.account_id, t.label, t.created_at, t.expires_at, t.revoked_at,
       a.disabled_at IS NOT NULL AS account_disabled, a.is_operator AS account_is_operator
FROM access_tokens t JOIN accounts a ON a.id = t.account_id
WHERE $1::text IS NULL OR t.account_id = $1 ORDER BY t.created_at, t.id

-- name: revoke_access_token
-- End a token, and move the access version if this did it.
WITH ended AS (
    UPDATE access_tokens SET revoked_at = $3
    WHERE id = $1 AND ($2::text IS NULL OR account_id = $2) AND revoked_at IS NULL RETURNING id
), told AS (UPDATE server_state SET access_version = access_version + 1 WHERE EXISTS (SELECT FROM ended))
SELECT id FROM ended

-- name: add_sign_in
-- Keep a new sign-in's digest.
INSERT INTO sign_ins (id, account_id, sha256, created_at, expires_at, by_link) VALUES ($1, $2, $3, $4, $5, $6)

-- name: find_sign_in
-- Find a sign-in by its digest, whatever its state.
SELECT t.id, t.account_id, '' AS label, t.created_at, t.expires_at, t.revoked_at,
       a.disabled_at IS NOT NULL AS account_disabled, a.is_operator AS account_is_operator
FROM sign_ins t JOIN accounts a ON a.id = t.account_id WHERE t.sha256 = $1

-- name: revoke_sign_in
-- End a sign-in, and move the access version if this did it.
WITH ended AS (
    UPDATE sign_ins SET revoked_at = $3
    WHERE id = $1 AND ($2::text IS NULL OR account_id = $2) AND revoked_at IS NULL RETURNING id
), told AS (UPDATE server_state SET access_version = access_version + 1 WHERE EXISTS (SELECT FROM ended))
SELECT id FROM ended

-- name: is_link_sign_in
-- Tell whether a sign-in was made by a one-time link, and not before a time.
SELECT id FROM sign_ins WHERE id = $1 AND by_link AND created_at >= $2

-- name: ended_credentials
-- Of these tokens and sign-ins, those that count no more.
SELECT t.id
FROM (
    SELECT id, account_id, expires_at, revoked_at FROM access_tokens WHERE id = ANY($1::text[])
    UNION ALL
    SELECT id, account_id, expires_at, revoked_at FROM sign_ins WHERE id = ANY($1::text[])
) t JOIN accounts a ON a.id = t.account_id
WHERE t.revoked_at IS NOT NULL OR t.expires_at <= $2 OR a.disabled_at IS NOT NULL

-- name: lock_account
-- Let one at a time change what an account has one of.
SELECT id FROM accounts WHERE id = $1 FOR UPDATE

-- name: replace_login_links
-- End the earlier links of an account.
UPDATE login_links SET replaced_at = $2 WHERE account_id = $1 AND used_at IS NULL AND replaced_at IS NULL

-- name: add_login_link
-- Keep a new link's digest.
INSERT INTO login_links (sha256, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)

-- name: take_login_link
-- Spend a link; the row's lock lets exactly one taker have it.
UPDATE login_links l SET used_at = $2
FROM accounts a
WHERE l.sha256 = $1 AND l.used_at IS NULL AND l.replaced_at IS NULL AND l.expires_at > $2
    AND a.id = l.account_id AND a.disabled_at IS NULL
RETURNING l.account_id

-- name: has_used_login_link
-- Tell whether an account ever came in by a link.
SELECT EXISTS (SELECT FROM login_links WHERE account_id = $1 AND used_at IS NOT NULL)

-- name: add_invite
-- Keep a new invite.
INSERT INTO invites (id, room_id, created_by, role, sha256, created_at, expires_at, uses_left, member_until, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: find_invite
-- Find an invite by its digest, whatever its state.
SELECT id, room_id, created_by, role, created_at, expires_at, uses_left, member_until, revoked_at
FROM invites WHERE sha256 = $1

-- name: list_invites
-- List a room's invites.
SELECT id, room_id, created_by, role, created_at, expires_at, uses_left, member_until, revoked_at
FROM invites WHERE room_id = $1 ORDER BY created_at, id

-- name: spend_invite
-- Take one use, if one is left.
UPDATE invites SET uses_left = uses_left - 1
WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
    AND (uses_left IS NULL OR uses_left > 0)
RETURNING id

-- name: return_invite_use
-- Give a use back.
UPDATE invites SET uses_left = uses_left + 1 WHERE id = $1 AND uses_left IS NOT NULL RETURNING id

-- name: revoke_invite
-- End an invite.
UPDATE invites SET revoked_at = $3 WHERE room_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id

-- name: setting
-- Read a server-wide value.
SELECT value FROM server_settings WHERE name = $1

-- name: put_setting
-- Write a server-wide value.
INSERT INTO server_settings (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: keep_setting
-- Write a server-wide value where there is none, and read what is kept: of a row that came meanwhile, too.
INSERT INTO server_settings AS kept (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = kept.value
RETURNING kept.value
