-- Places of calls that run at once, over all processes.

CREATE TABLE onbehalf.leases (
  key text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (key, id)
);

CREATE INDEX leases_expires_at ON onbehalf.leases (expires_at);

-- Takes a place, or answers 0 when all of them are taken.
CREATE FUNCTION onbehalf.take_lease(
  of_key text, of_id text, places integer, seconds double precision
)
  RETURNS integer
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
  AS $$
    DECLARE
      taken integer;
    BEGIN
      -- One at a time for each key: each statement below then sees what the one before committed.
      PERFORM pg_advisory_xact_lock(hashtextextended(of_key, 0));
      DELETE FROM onbehalf.leases WHERE key = of_key AND expires_at <= clock_timestamp();
      -- What processes left behind that are gone, of keys that nobody uses any more.
      DELETE FROM onbehalf.leases WHERE (key, id) IN (
        SELECT key, id FROM onbehalf.leases WHERE expires_at <= clock_timestamp()
        ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
      );
      SELECT count(*) INTO taken FROM onbehalf.leases WHERE key = of_key;
      IF taken >= places THEN
        RETURN 0;
      END IF;
      INSERT INTO onbehalf.leases (key, id, expires_at)
      VALUES (of_key, of_id, clock_timestamp() + make_interval(secs => seconds));
      RETURN taken + 1;
    END
  $$;

REVOKE ALL ON FUNCTION onbehalf.take_lease FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON onbehalf.leases TO onbehalf_store;
GRANT EXECUTE ON FUNCTION onbehalf.take_lease TO onbehalf_store;
