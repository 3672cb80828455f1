-- What servers of one resource share: values that expire, revocations, and how often was called.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'onbehalf_store') THEN
    CREATE ROLE onbehalf_store NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;
END
$$;

CREATE TABLE onbehalf.store (
  -- Compared byte by byte, whatever the collation of the database is.
  key text COLLATE "C" PRIMARY KEY,
  value text NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE INDEX store_expires_at ON onbehalf.store (expires_at);

CREATE TABLE onbehalf.revocations (
  place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Servers that share revocations have the same one.
  prefix text COLLATE "C" NOT NULL,
  key text NOT NULL,
  value text NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE INDEX revocations_prefix ON onbehalf.revocations (prefix, place);
CREATE INDEX revocations_expires_at ON onbehalf.revocations (expires_at);

-- Calls that were counted, as rate-limiter-flexible wants it.
CREATE TABLE onbehalf.limits (
  key varchar(255) COLLATE "C" PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  -- Milliseconds since 1970.
  expire bigint
);

CREATE INDEX limits_expire ON onbehalf.limits (expire);

-- Adds a revocation, and removes a bounded number of those that count no longer.
CREATE FUNCTION onbehalf.revoke(of_prefix text, of_key text, of_value text, seconds double precision)
  RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
    BEGIN
      -- One at a time, until the commit: otherwise a reader could see a place while a lower one is
      -- not committed yet, and never look there again. Any number, the same for all: the first 63
      -- bits of SHA-256 of "onbehalf revocations".
      PERFORM pg_advisory_xact_lock(3202259592535472238);
      DELETE FROM onbehalf.revocations WHERE place IN (
        SELECT place FROM onbehalf.revocations
        WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT 100
      );
      INSERT INTO onbehalf.revocations (prefix, key, value, expires_at)
      VALUES (of_prefix, of_key, of_value, clock_timestamp() + make_interval(secs => seconds));
      PERFORM pg_notify('onbehalf_revocations', '');
    END
  $$;

-- A server adds revocations and reads them. It cannot take one back.
REVOKE ALL ON FUNCTION onbehalf.revoke FROM PUBLIC;
GRANT USAGE ON SCHEMA onbehalf TO onbehalf_store;
GRANT SELECT, INSERT, UPDATE, DELETE ON onbehalf.store, onbehalf.limits TO onbehalf_store;
GRANT SELECT ON onbehalf.revocations TO onbehalf_store;
GRANT EXECUTE ON FUNCTION onbehalf.revoke TO onbehalf_store;
