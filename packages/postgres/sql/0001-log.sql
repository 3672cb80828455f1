-- The log: one row a record, one chain of records a writer, signed heads beside them.

-- Who may do what. Grant these to the roles that log in. They belong to all databases of a server,
-- so that another database may have made them already, or be making them right now.
DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['onbehalf_writer', 'onbehalf_reader', 'onbehalf_auditor'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
END
$$;

CREATE TABLE onbehalf.events (
  chain text NOT NULL,
  -- The place of the record in its chain, which the record says too, under its hash.
  seq bigint NOT NULL,
  -- One line of canonical JSON (RFC 8785) with the members event, hash, prev and seq: exactly what
  -- was hashed.
  record text NOT NULL,
  -- What follows is taken out of the record, by the trigger below.
  id uuid NOT NULL,
  time timestamptz NOT NULL,
  type text NOT NULL,
  -- Of a result: the id of the intent that it ends.
  intent uuid,
  organization text,
  issuer text,
  subject text,
  client text,
  method text NOT NULL,
  target_kind text,
  target_name text,
  effect text NOT NULL,
  reason text,
  outcome text,
  PRIMARY KEY (chain, seq),
  CONSTRAINT events_id_key UNIQUE (id)
);

-- No writer says what the columns hold, so that none of them can say another thing than the record.
-- A trigger reads the record once; a generated column would read it once a column.
CREATE FUNCTION onbehalf.fill_columns() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
  AS $$
    DECLARE
      event jsonb := NEW.record::jsonb -> 'event';
    BEGIN
      NEW.id := event ->> 'id';
      NEW.time := event ->> 'time';
      NEW.type := event ->> 'type';
      NEW.intent := event ->> 'intent';
      NEW.organization := event #>> '{organization,id}';
      NEW.issuer := event #>> '{principal,issuer}';
      NEW.subject := event #>> '{principal,subject}';
      NEW.client := event ->> 'client';
      NEW.method := event ->> 'method';
      NEW.target_kind := event #>> '{target,kind}';
      NEW.target_name := event #>> '{target,name}';
      NEW.effect := event #>> '{decision,effect}';
      NEW.reason := event #>> '{decision,reason}';
      NEW.outcome := event ->> 'outcome';
      RETURN NEW;
    END
  $$;

CREATE TRIGGER fill_columns BEFORE INSERT OR UPDATE ON onbehalf.events
  FOR EACH ROW EXECUTE FUNCTION onbehalf.fill_columns();

-- An index refuses values beyond a third of a page, and with the row the call of everybody in its
-- batch: of what callers and issuers choose, only a beginning is indexed.
CREATE INDEX events_organization_time ON onbehalf.events (left(organization, 200), time);
CREATE INDEX events_time ON onbehalf.events (time);
CREATE INDEX events_intent ON onbehalf.events (intent) WHERE intent IS NOT NULL;

CREATE TABLE onbehalf.heads (
  place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chain text NOT NULL,
  -- Canonical JSON: how many records the chain has, the root of its Merkle tree, the signature.
  head text NOT NULL
);

CREATE INDEX heads_chain ON onbehalf.heads (chain, place);

-- Tells a writer which of its records stand already, whatever became of the answer to its insert.
-- It confirms what the caller holds, and says nothing of other events.
CREATE FUNCTION onbehalf.recorded(lines text) RETURNS TABLE (id uuid, hash text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
    SELECT e.id, e.record::jsonb ->> 'hash'
    FROM unnest(string_to_array(lines, E'\n')) AS line
    JOIN onbehalf.events AS e ON e.id = (line::jsonb #>> '{event,id}')::uuid
    WHERE e.record::jsonb -> 'event' = line::jsonb -> 'event'
  $$;

-- A writer adds rows. It cannot read, change or remove any.
REVOKE ALL ON FUNCTION onbehalf.recorded FROM PUBLIC;
GRANT USAGE ON SCHEMA onbehalf TO onbehalf_writer, onbehalf_reader, onbehalf_auditor;
GRANT INSERT (chain, seq, record) ON onbehalf.events TO onbehalf_writer;
GRANT INSERT (chain, head) ON onbehalf.heads TO onbehalf_writer;
GRANT EXECUTE ON FUNCTION onbehalf.recorded TO onbehalf_writer;

-- A reader sees the events of one organization; an auditor sees all of them, and the heads.
GRANT SELECT ON onbehalf.events TO onbehalf_reader, onbehalf_auditor;
GRANT SELECT ON onbehalf.heads TO onbehalf_auditor;

ALTER TABLE onbehalf.events ENABLE ROW LEVEL SECURITY;

CREATE POLICY writers_add ON onbehalf.events
  FOR INSERT TO onbehalf_writer
  WITH CHECK (true);

-- The parameter is NULL where it was never set, and empty where it was set for a transaction that is
-- over: both are no organization. The second condition is there for the index.
CREATE POLICY readers_see_one_organization ON onbehalf.events
  FOR SELECT TO onbehalf_reader
  USING (
    organization = nullif(current_setting('onbehalf.organization', true), '')
    AND left(organization, 200)
      = left(nullif(current_setting('onbehalf.organization', true), ''), 200)
  );

CREATE POLICY auditors_see_all ON onbehalf.events
  FOR SELECT TO onbehalf_auditor
  USING (true);
