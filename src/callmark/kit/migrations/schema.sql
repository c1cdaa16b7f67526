CREATE FUNCTION public.take_request(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamp with time zone) RETURNS TABLE(granted boolean, remaining integer, reset_at timestamp with time zone)
    LANGUAGE plpgsql
    AS $$
DECLARE
  ring timestamptz[];
  last integer;
  oldest_at integer;
  at timestamptz := p_now;
BEGIN
  IF p_bucket IS NULL THEN
    RETURN;
  END IF;
  SELECT w.instants, w.newest INTO ring, last FROM request_window w
    WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO request_window AS w (token_sha256, bucket, instants, newest)
      VALUES (p_token, p_bucket, array_fill('-infinity'::timestamptz, ARRAY[p_quota]), p_quota)
      ON CONFLICT DO NOTHING;
    SELECT w.instants, w.newest INTO ring, last FROM request_window w
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
  END IF;
  at := greatest(p_now, ring[last]);
  oldest_at := last % p_quota + 1;
  granted := ring[oldest_at] <= at - p_window;
  IF granted THEN
    ring[oldest_at] := at;
    UPDATE request_window w SET instants = ring, newest = oldest_at
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket;
  END IF;
  SELECT p_quota - count(*), min(i) + p_window INTO remaining, reset_at FROM unnest(ring) i WHERE i > at - p_window;
  RETURN NEXT;
END $$;

CREATE TABLE public.access_token (
    sha256 bytea NOT NULL,
    account_id uuid NOT NULL,
    key_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.api_key (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    secret_sha256 bytea NOT NULL,
    features text[] NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);

CREATE TABLE public.batch (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    record_count integer NOT NULL,
    ends_from timestamp with time zone NOT NULL,
    ends_to timestamp with time zone NOT NULL,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone,
    withdrawn_at timestamp with time zone
)
WITH (fillfactor='80');

COMMENT ON COLUMN public.batch.due_at IS 'When a worker is to push it; null once every record has an outcome.';

COMMENT ON COLUMN public.batch.withdrawn_at IS 'When records of it were last withdrawn.';

CREATE TABLE public.call (
    receiver_number text NOT NULL COLLATE pg_catalog."C",
    id uuid NOT NULL,
    caller_number text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL,
    record_id uuid,
    shown_at timestamp with time zone,
    outcome text,
    ended_at timestamp with time zone,
    reported_at timestamp with time zone NOT NULL,
    CONSTRAINT call_outcome CHECK ((outcome = ANY (ARRAY['answered'::text, 'missed'::text, 'rejected'::text]))),
    CONSTRAINT call_source CHECK ((source = ANY (ARRAY['call_record'::text, 'listed_number'::text, 'none'::text])))
);

CREATE TABLE public.call_reason (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    text text NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.call_record (
    receiver_number text NOT NULL COLLATE pg_catalog."C",
    ends_at timestamp with time zone NOT NULL,
    id uuid NOT NULL,
    batch_id uuid NOT NULL,
    account_id uuid NOT NULL,
    "position" smallint NOT NULL,
    caller_number text COLLATE pg_catalog."C",
    label_id uuid,
    label_name text,
    call_reason text,
    starts_at timestamp with time zone,
    accepted_at timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    fault_field text,
    fault text,
    submitted json,
    sent_at timestamp with time zone,
    settled_at timestamp with time zone,
    first_outcome text,
    delivered_late_at timestamp with time zone,
    withdrawn_at timestamp with time zone,
    CONSTRAINT call_record_outcome CHECK ((outcome = ANY (ARRAY['pending'::text, 'success'::text, 'invalid'::text, 'not_registered'::text, 'os_not_supported'::text, 'app_version_not_supported'::text, 'failed_to_push'::text])))
)
PARTITION BY RANGE (ends_at);

CREATE TABLE public.call_record_rest (
    receiver_number text CONSTRAINT call_record_receiver_number_not_null NOT NULL COLLATE pg_catalog."C",
    ends_at timestamp with time zone CONSTRAINT call_record_ends_at_not_null NOT NULL,
    id uuid CONSTRAINT call_record_id_not_null NOT NULL,
    batch_id uuid CONSTRAINT call_record_batch_id_not_null NOT NULL,
    account_id uuid CONSTRAINT call_record_account_id_not_null NOT NULL,
    "position" smallint CONSTRAINT call_record_position_not_null NOT NULL,
    caller_number text COLLATE pg_catalog."C",
    label_id uuid,
    label_name text,
    call_reason text,
    starts_at timestamp with time zone,
    accepted_at timestamp with time zone CONSTRAINT call_record_accepted_at_not_null NOT NULL,
    outcome text CONSTRAINT call_record_outcome_not_null NOT NULL,
    fault_field text,
    fault text,
    submitted json,
    sent_at timestamp with time zone,
    settled_at timestamp with time zone,
    first_outcome text,
    delivered_late_at timestamp with time zone,
    withdrawn_at timestamp with time zone,
    CONSTRAINT call_record_outcome CHECK ((outcome = ANY (ARRAY['pending'::text, 'success'::text, 'invalid'::text, 'not_registered'::text, 'os_not_supported'::text, 'app_version_not_supported'::text, 'failed_to_push'::text])))
)
WITH (fillfactor='60');

COMMENT ON TABLE public.call_record_rest IS 'Records that end beyond the days ahead; moved when their day gets its partition.';

CREATE TABLE public.calling_operation (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    department_id uuid NOT NULL,
    catalogue_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.calling_operation IS 'An operation of a department, chosen from the catalogue (domain/structure/catalogue.py), which names it.';

CREATE TABLE public.calling_process (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    parent_id uuid,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT calling_process_not_its_own_parent CHECK ((parent_id <> id))
);

COMMENT ON TABLE public.calling_process IS 'Processes, and (parent_id set) sub-processes, which are one level deep.';

CREATE TABLE public.client_account (
    id uuid NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    features text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT client_account_state CHECK ((state = ANY (ARRAY['active'::text, 'suspended'::text])))
);

CREATE TABLE public.department (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.emulator_state (
    only_row boolean DEFAULT true NOT NULL,
    seed bigint,
    fault_slug text,
    faults_left integer DEFAULT 0 NOT NULL,
    latency_ms integer DEFAULT 0 NOT NULL,
    drop_every integer DEFAULT 0 NOT NULL,
    CONSTRAINT emulator_state_faults CHECK ((faults_left >= 0)),
    CONSTRAINT emulator_state_is_one CHECK (only_row)
);

COMMENT ON TABLE public.emulator_state IS 'One row. Every API request of emulator mode looks at it; never read outside it.';

CREATE TABLE public.event (
    account_id uuid NOT NULL,
    number bigint NOT NULL,
    id uuid NOT NULL,
    event_type text NOT NULL,
    campaign_id uuid,
    created_at timestamp with time zone NOT NULL,
    body json NOT NULL,
    CONSTRAINT event_campaign CHECK (((event_type = 'user_feedback'::text) = (campaign_id IS NOT NULL))),
    CONSTRAINT event_type_known CHECK ((event_type = ANY (ARRAY['cmb'::text, 'user_feedback'::text])))
)
PARTITION BY RANGE (created_at);

COMMENT ON TABLE public.event IS 'Append-only; a partition a day. body is the documented JSON, byte for byte.';

CREATE TABLE public.event_counter (
    account_id uuid NOT NULL,
    last_number bigint NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.event_counter IS 'Taken by the last statement of a transaction, so that numbers have no gap and follow the order of commits.';

CREATE TABLE public.event_rest (
    account_id uuid CONSTRAINT event_account_id_not_null NOT NULL,
    number bigint CONSTRAINT event_number_not_null NOT NULL,
    id uuid CONSTRAINT event_id_not_null NOT NULL,
    event_type text CONSTRAINT event_event_type_not_null NOT NULL,
    campaign_id uuid,
    created_at timestamp with time zone CONSTRAINT event_created_at_not_null NOT NULL,
    body json CONSTRAINT event_body_not_null NOT NULL,
    CONSTRAINT event_campaign CHECK (((event_type = 'user_feedback'::text) = (campaign_id IS NOT NULL))),
    CONSTRAINT event_type_known CHECK ((event_type = ANY (ARRAY['cmb'::text, 'user_feedback'::text])))
);

COMMENT ON TABLE public.event_rest IS 'Events of days that have no partition yet; moved when their day gets its own.';

CREATE TABLE public.feature_set (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    process_id uuid,
    is_number_group boolean DEFAULT false NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    state text NOT NULL,
    phone_type text NOT NULL,
    label_id uuid,
    call_reason_id uuid,
    call_me_back boolean NOT NULL,
    survey boolean NOT NULL,
    number_count bigint DEFAULT 0 NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT feature_set_number_count CHECK ((number_count >= 0)),
    CONSTRAINT feature_set_or_number_group CHECK ((is_number_group = (process_id IS NULL))),
    CONSTRAINT feature_set_phone_type CHECK ((phone_type = ANY (ARRAY['verified'::text, 'priority'::text]))),
    CONSTRAINT feature_set_published_has_label CHECK (((state <> 'published'::text) OR (label_id IS NOT NULL))),
    CONSTRAINT feature_set_state CHECK ((state = ANY (ARRAY['draft'::text, 'published'::text, 'unpublished'::text])))
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.feature_set.process_id IS 'The process or sub-process it hangs on; null for a number group.';

COMMENT ON COLUMN public.feature_set.is_number_group IS 'Holds numbers brought over from an older console, outside the structure; never shown by the API.';

COMMENT ON COLUMN public.feature_set.number_count IS 'Rows of number in it, kept in the transactions that change them.';

CREATE TABLE public.handset_app (
    id uuid NOT NULL,
    name text NOT NULL,
    credential_sha256 bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);

CREATE TABLE public.idempotency_key (
    account_id uuid NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    request_sha256 bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    lease_id uuid,
    leased_until timestamp with time zone,
    batch_id uuid,
    status smallint,
    body bytea,
    CONSTRAINT idempotency_key_held_or_answered CHECK ((((status IS NULL) = (lease_id IS NOT NULL)) AND ((status IS NULL) = (leased_until IS NOT NULL)) AND ((status IS NULL) = (body IS NULL))))
);

COMMENT ON TABLE public.idempotency_key IS 'Claimed under a lease before the work, then kept with the answer for 24 hours.';

COMMENT ON COLUMN public.idempotency_key.batch_id IS 'Written under a claim whose answer is still to come.';

CREATE TABLE public.installation (
    only_row boolean DEFAULT true NOT NULL,
    id uuid NOT NULL,
    clock_offset interval DEFAULT '00:00:00'::interval NOT NULL,
    clock_version bigint DEFAULT 0 NOT NULL,
    CONSTRAINT installation_is_one CHECK (only_row)
);

COMMENT ON TABLE public.installation IS 'One row. clock_offset moves the product clock of every process (emulator only).';

CREATE TABLE public.label (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    label_type text NOT NULL,
    name text NOT NULL,
    category integer NOT NULL,
    sub_category integer NOT NULL,
    logo_sha256 bytea NOT NULL,
    is_default boolean NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT label_type_known CHECK ((label_type = ANY (ARRAY['dynamic'::text, 'static'::text])))
);

CREATE TABLE public.listing_job (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    feature_set_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    number_count integer NOT NULL,
    done_count integer DEFAULT 0 NOT NULL,
    failed_count integer DEFAULT 0 NOT NULL,
    requested_by_email text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone,
    CONSTRAINT listing_job_kind CHECK ((kind = ANY (ARRAY['publish'::text, 'delist'::text]))),
    CONSTRAINT listing_job_state CHECK ((state = ANY (ARRAY['in_review'::text, 'running'::text, 'ended'::text])))
)
WITH (fillfactor='70');

CREATE TABLE public.logo (
    sha256 bytea NOT NULL,
    png bytea NOT NULL
);

COMMENT ON TABLE public.logo IS 'Decoded and re-encoded PNGs by content; never changed, so that their address may be cached.';

CREATE TABLE public.member (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT member_role CHECK ((role = ANY (ARRAY['admin'::text, 'department_owner'::text, 'operation_owner'::text, 'process_owner'::text]))),
    CONSTRAINT member_state CHECK ((state = ANY (ARRAY['invited'::text, 'active'::text, 'revoked'::text])))
);

CREATE TABLE public.number (
    phone_number text NOT NULL COLLATE pg_catalog."C",
    account_id uuid NOT NULL,
    feature_set_id uuid NOT NULL,
    phone_type text NOT NULL,
    state text NOT NULL,
    why text,
    job_id uuid,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT number_failed_says_why CHECK (((state = 'failed'::text) = (why IS NOT NULL))),
    CONSTRAINT number_phone_type CHECK ((phone_type = ANY (ARRAY['verified'::text, 'priority'::text]))),
    CONSTRAINT number_state CHECK ((state = ANY (ARRAY['pending'::text, 'listed'::text, 'delisting'::text, 'failed'::text])))
)
WITH (fillfactor='90');

COMMENT ON COLUMN public.number.job_id IS 'The job that works on it while it is pending or delisting; null otherwise.';

CREATE TABLE public.periodic_job (
    name text NOT NULL,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone
);

COMMENT ON TABLE public.periodic_job IS 'Work that comes round by itself, once however many workers there are.';

CREATE TABLE public.process (
    id uuid NOT NULL,
    kind text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL,
    clock_version bigint NOT NULL
);

COMMENT ON TABLE public.process IS 'Live processes: real-clock heartbeats, and the product clock version each has confirmed.';

CREATE TABLE public.registration (
    phone_number text NOT NULL COLLATE pg_catalog."C",
    generation bigint NOT NULL,
    app_id uuid NOT NULL,
    os text NOT NULL,
    app_version text NOT NULL,
    token_sha256 bytea,
    registered_at timestamp with time zone NOT NULL,
    forgotten_at timestamp with time zone
);

COMMENT ON TABLE public.registration IS 'One row a phone number: its live registration, or (token null) that it was forgotten.';

CREATE UNLOGGED TABLE public.request_window (
    token_sha256 bytea NOT NULL,
    bucket text NOT NULL,
    instants timestamp with time zone[] NOT NULL,
    newest integer NOT NULL
)
WITH (fillfactor='30', autovacuum_vacuum_scale_factor='0.05');

CREATE TABLE public.virtual_handset (
    phone_number text NOT NULL COLLATE pg_catalog."C",
    os text NOT NULL,
    app_version text NOT NULL,
    online boolean NOT NULL,
    registered boolean NOT NULL,
    script json NOT NULL,
    token text
);

COMMENT ON TABLE public.virtual_handset IS 'Handsets the emulator plays; empty outside emulator mode.';

ALTER TABLE ONLY public.call_record ATTACH PARTITION public.call_record_rest DEFAULT;

ALTER TABLE ONLY public.event ATTACH PARTITION public.event_rest DEFAULT;

ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.call
    ADD CONSTRAINT call_pkey PRIMARY KEY (receiver_number, id);

ALTER TABLE ONLY public.call_reason
    ADD CONSTRAINT call_reason_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.call_record
    ADD CONSTRAINT call_record_pkey PRIMARY KEY (receiver_number, ends_at, id);

ALTER TABLE ONLY public.call_record_rest
    ADD CONSTRAINT call_record_rest_pkey PRIMARY KEY (receiver_number, ends_at, id);

ALTER TABLE ONLY public.calling_operation
    ADD CONSTRAINT calling_operation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.calling_process
    ADD CONSTRAINT calling_process_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.client_account
    ADD CONSTRAINT client_account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.department
    ADD CONSTRAINT department_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.emulator_state
    ADD CONSTRAINT emulator_state_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.event_counter
    ADD CONSTRAINT event_counter_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (account_id, number, created_at);

ALTER TABLE ONLY public.event_rest
    ADD CONSTRAINT event_rest_pkey PRIMARY KEY (account_id, number, created_at);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.handset_app
    ADD CONSTRAINT handset_app_credential_unique UNIQUE (credential_sha256);

ALTER TABLE ONLY public.handset_app
    ADD CONSTRAINT handset_app_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_key
    ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (account_id, key);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.label
    ADD CONSTRAINT label_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.listing_job
    ADD CONSTRAINT listing_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.logo
    ADD CONSTRAINT logo_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.number
    ADD CONSTRAINT number_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.periodic_job
    ADD CONSTRAINT periodic_job_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.process
    ADD CONSTRAINT process_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.registration
    ADD CONSTRAINT registration_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.registration
    ADD CONSTRAINT registration_token_unique UNIQUE (token_sha256);

ALTER TABLE ONLY public.request_window
    ADD CONSTRAINT request_window_pkey PRIMARY KEY (token_sha256, bucket);

ALTER TABLE ONLY public.virtual_handset
    ADD CONSTRAINT virtual_handset_pkey PRIMARY KEY (phone_number);

CREATE INDEX access_token_account_created ON public.access_token USING btree (account_id, created_at);

CREATE INDEX api_key_account ON public.api_key USING btree (account_id);

CREATE INDEX batch_account_newest ON public.batch USING btree (account_id, accepted_at DESC, id DESC);

CREATE INDEX batch_due ON public.batch USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE UNIQUE INDEX call_reason_text_unique ON public.call_reason USING btree (account_id, lower(text));

CREATE INDEX call_record_batch ON ONLY public.call_record USING btree (batch_id);

CREATE INDEX call_record_id ON ONLY public.call_record USING btree (id);

CREATE INDEX call_record_rest_batch_id_idx ON public.call_record_rest USING btree (batch_id);

CREATE INDEX call_record_rest_id_idx ON public.call_record_rest USING btree (id);

CREATE INDEX call_record_shown ON public.call USING btree (record_id) WHERE (record_id IS NOT NULL);

CREATE INDEX call_reported ON public.call USING btree (reported_at);

CREATE INDEX calling_operation_account ON public.calling_operation USING btree (account_id);

CREATE UNIQUE INDEX calling_operation_once ON public.calling_operation USING btree (department_id, catalogue_id);

CREATE INDEX calling_process_account ON public.calling_process USING btree (account_id);

CREATE UNIQUE INDEX calling_process_name_unique ON public.calling_process USING btree (operation_id, parent_id, lower(name)) NULLS NOT DISTINCT;

CREATE INDEX calling_process_parent ON public.calling_process USING btree (parent_id) WHERE (parent_id IS NOT NULL);

CREATE UNIQUE INDEX department_name_unique ON public.department USING btree (account_id, lower(name));

CREATE INDEX event_account_type ON ONLY public.event USING btree (account_id, event_type, created_at, number);

CREATE INDEX event_campaign_created ON ONLY public.event USING btree (campaign_id, created_at, number) WHERE (campaign_id IS NOT NULL);

CREATE INDEX event_id ON ONLY public.event USING btree (id);

CREATE INDEX event_rest_account_id_event_type_created_at_number_idx ON public.event_rest USING btree (account_id, event_type, created_at, number);

CREATE INDEX event_rest_campaign_id_created_at_number_idx ON public.event_rest USING btree (campaign_id, created_at, number) WHERE (campaign_id IS NOT NULL);

CREATE INDEX event_rest_id_idx ON public.event_rest USING btree (id);

CREATE INDEX feature_set_account_newest ON public.feature_set USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX feature_set_call_reason ON public.feature_set USING btree (call_reason_id);

CREATE INDEX feature_set_label ON public.feature_set USING btree (label_id);

CREATE UNIQUE INDEX feature_set_name_unique ON public.feature_set USING btree (account_id, process_id, lower(name)) NULLS NOT DISTINCT;

CREATE INDEX feature_set_process ON public.feature_set USING btree (process_id);

CREATE INDEX idempotency_key_created ON public.idempotency_key USING btree (created_at);

CREATE INDEX label_account_newest ON public.label USING btree (account_id, created_at DESC, id DESC);

CREATE UNIQUE INDEX label_one_default ON public.label USING btree (account_id) WHERE (is_default AND (deleted_at IS NULL));

CREATE INDEX listing_job_account_newest ON public.listing_job USING btree (account_id, requested_at DESC, id DESC);

CREATE INDEX listing_job_due ON public.listing_job USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX listing_job_in_review ON public.listing_job USING btree (requested_at) WHERE (state = 'in_review'::text);

CREATE INDEX member_account ON public.member USING btree (account_id);

CREATE UNIQUE INDEX member_email_unique ON public.member USING btree (lower(email));

CREATE INDEX number_account_newest ON public.number USING btree (account_id, created_at DESC, phone_number DESC) INCLUDE (feature_set_id);

CREATE INDEX number_feature_set_newest ON public.number USING btree (feature_set_id, created_at DESC, phone_number DESC);

CREATE INDEX number_job ON public.number USING btree (job_id, phone_number) WHERE (state = ANY (ARRAY['pending'::text, 'delisting'::text]));

ALTER INDEX public.call_record_batch ATTACH PARTITION public.call_record_rest_batch_id_idx;

ALTER INDEX public.call_record_id ATTACH PARTITION public.call_record_rest_id_idx;

ALTER INDEX public.call_record_pkey ATTACH PARTITION public.call_record_rest_pkey;

ALTER INDEX public.event_account_type ATTACH PARTITION public.event_rest_account_id_event_type_created_at_number_idx;

ALTER INDEX public.event_campaign_created ATTACH PARTITION public.event_rest_campaign_id_created_at_number_idx;

ALTER INDEX public.event_id ATTACH PARTITION public.event_rest_id_idx;

ALTER INDEX public.event_pkey ATTACH PARTITION public.event_rest_pkey;

ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.api_key(id);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.call_reason
    ADD CONSTRAINT call_reason_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.calling_operation
    ADD CONSTRAINT calling_operation_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.calling_operation
    ADD CONSTRAINT calling_operation_department_id_fkey FOREIGN KEY (department_id) REFERENCES public.department(id);

ALTER TABLE ONLY public.calling_process
    ADD CONSTRAINT calling_process_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.calling_process
    ADD CONSTRAINT calling_process_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES public.calling_operation(id);

ALTER TABLE ONLY public.calling_process
    ADD CONSTRAINT calling_process_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.calling_process(id);

ALTER TABLE ONLY public.department
    ADD CONSTRAINT department_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.event_counter
    ADD CONSTRAINT event_counter_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_call_reason_id_fkey FOREIGN KEY (call_reason_id) REFERENCES public.call_reason(id);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_label_id_fkey FOREIGN KEY (label_id) REFERENCES public.label(id);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_process_id_fkey FOREIGN KEY (process_id) REFERENCES public.calling_process(id);

ALTER TABLE ONLY public.label
    ADD CONSTRAINT label_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.number
    ADD CONSTRAINT number_feature_set_id_fkey FOREIGN KEY (feature_set_id) REFERENCES public.feature_set(id);

ALTER TABLE ONLY public.registration
    ADD CONSTRAINT registration_app_id_fkey FOREIGN KEY (app_id) REFERENCES public.handset_app(id);
