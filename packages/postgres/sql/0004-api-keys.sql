-- API keys and personal access tokens: whose they are, found by the SHA-256 of their text.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'onbehalf_keys') THEN
    CREATE ROLE onbehalf_keys NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;
END
$$;

CREATE TABLE onbehalf.api_keys (
  -- Servers that take the same keys have the same one.
  prefix text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('user', 'service')),
  issuer text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  organization text COLLATE "C",
  scopes text[] NOT NULL,
  roles text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  last_used_at timestamptz,
  PRIMARY KEY (prefix, hash),
  UNIQUE (prefix, id)
);

CREATE INDEX api_keys_owner ON onbehalf.api_keys (prefix, kind, issuer, subject);

-- A server finds keys and notes their use. It can neither make one nor bring one back.
GRANT SELECT, UPDATE (last_used_at) ON onbehalf.api_keys TO onbehalf_store;
GRANT USAGE ON SCHEMA onbehalf TO onbehalf_keys;
GRANT SELECT, INSERT, UPDATE (revoked_at) ON onbehalf.api_keys TO onbehalf_keys;
