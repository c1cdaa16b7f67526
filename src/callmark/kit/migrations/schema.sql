CREATE FUNCTION public.take_place(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamp with time zone) RETURNS TABLE(granted boolean, remaining integer, reset_in interval)
    LANGUAGE plpgsql
    AS $$
DECLARE
  ring timestamptz[];
  at timestamptz;
  past integer;
BEGIN
  IF p_bucket IS NULL THEN
    RETURN;
  END IF;
  UPDATE request_window w
    SET instants = w.instants[2:] || greatest(coalesce(p_now, clock_timestamp()), w.instants[p_quota])
    WHERE w.token_sha256 = p_token AND w.bucket = p_bucket AND cardinality(w.instants) = p_quota AND w.newest = p_quota
      AND w.instants[1] <= coalesce(p_now, clock_timestamp()) - p_window
      AND w.instants[p_quota] <= coalesce(p_now, clock_timestamp())
    RETURNING w.instants INTO ring;
  granted := FOUND;
  IF granted THEN
    at := ring[p_quota];
  ELSE
    INSERT INTO request_window (token_sha256, bucket, instants, newest)
      VALUES (p_token, p_bucket, array_fill('-infinity'::timestamptz, ARRAY[p_quota]), p_quota)
      ON CONFLICT DO NOTHING;
    SELECT w.instants[w.newest + 1:] || w.instants[:w.newest] INTO ring FROM request_window w
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
    at := coalesce(p_now, clock_timestamp());
    IF cardinality(ring) <> p_quota THEN
      ring := array_fill('-infinity'::timestamptz, ARRAY[greatest(p_quota - cardinality(ring), 0)])
        || ring[greatest(cardinality(ring) - p_quota, 0) + 1:];
    END IF;
    past := width_bucket(at, ring);
    ring := ring[:past] || array_fill(at, ARRAY[p_quota - past]);
    granted := ring[1] <= at - p_window;
    IF granted THEN
      ring := ring[2:] || at;
    END IF;
    IF granted OR past < p_quota THEN
      UPDATE request_window w SET instants = ring, newest = p_quota
        WHERE w.token_sha256 = p_token AND w.bucket = p_bucket;
    END IF;
  END IF;
  remaining := width_bucket(at - p_window, ring);
  reset_in := ring[remaining + 1] + p_window - at;
  RETURN NEXT;
END $$;

CREATE FUNCTION public.take_request(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamp with time zone) RETURNS TABLE(granted boolean, remaining integer, reset_at timestamp with time zone)
    LANGUAGE sql
    AS $$
  SELECT w.granted, w.remaining, p_now + w.reset_in FROM take_place(p_token, p_bucket, p_quota, p_window, NULL) w
$$;

CREATE TABLE public.access_token (
    sha256 bytea NOT NULL,
    account_id uuid NOT NULL,
    key_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.account_switch (
    account_id uuid NOT NULL,
    switched_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone
)
WITH (fillfactor='80');

COMMENT ON TABLE public.account_switch IS 'Accounts that were suspended or made active again, when last; due while their handsets are to be told.';

CREATE TABLE public.alert_once (
    account_id uuid NOT NULL,
    alert_kind text NOT NULL,
    what text NOT NULL,
    at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.alert_once IS 'What was announced, so that it is announced once.';

CREATE TABLE public.alert_post (
    id uuid NOT NULL,
    recipient_id uuid NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    attempt_count integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone
);

COMMENT ON TABLE public.alert_post IS 'Alerts that are to be posted to a channel; a row goes when it was posted or given up.';

CREATE TABLE public.alert_recipient (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL,
    role text,
    email text,
    name text,
    url text,
    alert_kinds text[] NOT NULL,
    confirmed_at timestamp with time zone,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_sent_at timestamp with time zone,
    last_failed_at timestamp with time zone,
    last_error text,
    CONSTRAINT alert_recipient_error CHECK (((last_failed_at IS NULL) = (last_error IS NULL))),
    CONSTRAINT alert_recipient_kind CHECK (
CASE kind
    WHEN 'role'::text THEN (role = ANY (ARRAY['admin'::text, 'department_owner'::text, 'operation_owner'::text, 'process_owner'::text]))
    WHEN 'email'::text THEN (email IS NOT NULL)
    WHEN 'channel'::text THEN ((url IS NOT NULL) AND (name IS NOT NULL))
    ELSE false
END)
);

COMMENT ON TABLE public.alert_recipient IS 'Members of a role, an address that is confirmed by a link, or a channel: a URL that alerts are posted to.';

COMMENT ON COLUMN public.alert_recipient.id IS 'That of the admins is the account''s: they are recipients before they have a row.';

CREATE TABLE public.announced_call (
    account_id uuid NOT NULL,
    call_id text NOT NULL,
    caller_number text NOT NULL COLLATE pg_catalog."C",
    receiver_number text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL,
    announced_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    shown_until timestamp with time zone NOT NULL,
    CONSTRAINT announced_call_state CHECK ((state = ANY (ARRAY['ringing'::text, 'connected'::text, 'ended'::text])))
);

COMMENT ON TABLE public.announced_call IS 'A call that its account says it makes. call_id is the account''s own name for it.';

CREATE TABLE public.api_key (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    secret_sha256 bytea NOT NULL,
    features text[] NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    reference uuid DEFAULT gen_random_uuid() NOT NULL
);

COMMENT ON COLUMN public.api_key.last_used_at IS 'When a token was last made with it.';

COMMENT ON COLUMN public.api_key.reference IS 'What pages address the key by; its id is half of the pair.';

CREATE TABLE public.attempt (
    delivery_id uuid NOT NULL,
    id uuid NOT NULL,
    number integer NOT NULL,
    began_at timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL,
    url text NOT NULL,
    request_headers text NOT NULL,
    status integer,
    answer_headers text,
    answer_body bytea,
    error text,
    note text
)
PARTITION BY RANGE (began_at);

COMMENT ON TABLE public.attempt IS 'One HTTP request of a delivery, with the beginning of its answer; a partition a day.';

COMMENT ON COLUMN public.attempt.note IS 'What was odd about an answer that was taken all the same.';

CREATE TABLE public.attempt_rest (
    delivery_id uuid CONSTRAINT attempt_delivery_id_not_null NOT NULL,
    id uuid CONSTRAINT attempt_id_not_null NOT NULL,
    number integer CONSTRAINT attempt_number_not_null NOT NULL,
    began_at timestamp with time zone CONSTRAINT attempt_began_at_not_null NOT NULL,
    duration_ms integer CONSTRAINT attempt_duration_ms_not_null NOT NULL,
    url text CONSTRAINT attempt_url_not_null NOT NULL,
    request_headers text CONSTRAINT attempt_request_headers_not_null NOT NULL,
    status integer,
    answer_headers text,
    answer_body bytea,
    error text,
    note text
);

COMMENT ON TABLE public.attempt_rest IS 'Attempts of days that have no partition yet; moved when their day gets its own.';

CREATE TABLE public.audit_checkpoint (
    seal_number bigint NOT NULL,
    seal_sha256 bytea NOT NULL,
    entry_count bigint NOT NULL,
    pruned_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.audit_checkpoint IS 'The seal of the last entry that was deleted because of its age, so that the rest can be verified.';

CREATE TABLE public.audit_entry (
    id uuid NOT NULL,
    account_id uuid,
    actor_email text NOT NULL,
    by_operator boolean NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    details json NOT NULL,
    address text NOT NULL,
    at timestamp with time zone NOT NULL,
    seal_number bigint,
    content_sha256 bytea,
    seal_sha256 bytea,
    redacted_at timestamp with time zone,
    sealed_at timestamp with time zone
);

COMMENT ON TABLE public.audit_entry IS 'Every change made in the console; account null: a change to the installation.';

COMMENT ON COLUMN public.audit_entry.seal_number IS 'Its place in the chain, from 1 without a gap; null: not sealed yet.';

COMMENT ON COLUMN public.audit_entry.content_sha256 IS 'Of what it said when it was sealed.';

COMMENT ON COLUMN public.audit_entry.seal_sha256 IS 'Of the seal before it, its place and its content_sha256.';

COMMENT ON COLUMN public.audit_entry.redacted_at IS 'Since when it does not say a phone number any more that was erased.';

COMMENT ON COLUMN public.audit_entry.sealed_at IS 'When it got its seal: seconds after it was written, whatever its own instant says.';

CREATE TABLE public.audit_head (
    only_row boolean DEFAULT true NOT NULL,
    seal_number bigint NOT NULL,
    seal_sha256 bytea NOT NULL,
    CONSTRAINT audit_head_is_one CHECK (only_row)
);

COMMENT ON TABLE public.audit_head IS 'One row: the newest seal of the audit log.';

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
    withdrawn_at timestamp with time zone,
    traceparent text
)
WITH (fillfactor='80');

COMMENT ON COLUMN public.batch.due_at IS 'When a worker is to push it; null once every record has an outcome.';

COMMENT ON COLUMN public.batch.withdrawn_at IS 'When records of it were last withdrawn.';

CREATE TABLE public.brand_icon (
    logo_sha256 bytea NOT NULL,
    side smallint NOT NULL,
    sha256 bytea NOT NULL,
    png bytea NOT NULL
);

COMMENT ON TABLE public.brand_icon IS 'Kept for ever: signed calls and certificates hold their digests, and another version of the library would draw other bytes.';

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
    verification text,
    duration_s integer,
    disconnect text,
    shown_known_at timestamp with time zone,
    answered_known_at timestamp with time zone,
    account_id uuid,
    CONSTRAINT call_outcome CHECK ((outcome = ANY (ARRAY['answered'::text, 'missed'::text, 'rejected'::text]))),
    CONSTRAINT call_source CHECK ((source = ANY (ARRAY['call_record'::text, 'listed_number'::text, 'none'::text])))
);

COMMENT ON COLUMN public.call.verification IS 'What the network said of the caller''s number: passed, failed or none (not checked). Null: not reported.';

COMMENT ON COLUMN public.call.duration_s IS 'How long people talked.';

COMMENT ON COLUMN public.call.disconnect IS 'Why it ended, by Android''s names.';

COMMENT ON COLUMN public.call.shown_known_at IS 'When it became known that its record was shown, if that was late. Null: with the first report, or soon after it.';

COMMENT ON COLUMN public.call.answered_known_at IS 'The same, of a call of a record that was answered.';

COMMENT ON COLUMN public.call.account_id IS 'Of the record that the first report named, else who held the caller''s number when it came. Null: nobody, or a version without this column.';

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

CREATE TABLE public.callback_config (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    feature_set_id uuid NOT NULL,
    name text NOT NULL,
    slot_picker boolean NOT NULL,
    time_zone text NOT NULL,
    hours text NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT callback_config_slots_have_hours CHECK (((hours <> ''::text) OR (NOT slot_picker)))
);

COMMENT ON COLUMN public.callback_config.time_zone IS 'The IANA name of the one time zone that hours are in.';

COMMENT ON COLUMN public.callback_config.hours IS 'Business hours as people write them: mon-fri 10:00-14:00,15:00-18:00; sat 10:00-13:00.';

CREATE TABLE public.callback_request (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    feature_set_id uuid NOT NULL,
    feature_set_name text NOT NULL,
    is_number_group boolean NOT NULL,
    business_number text NOT NULL COLLATE pg_catalog."C",
    receiver_number text NOT NULL COLLATE pg_catalog."C",
    request_id uuid NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    is_interested boolean NOT NULL,
    is_sim_unknown boolean NOT NULL,
    alternate_number text,
    slot_starts_at timestamp with time zone,
    config_name text NOT NULL,
    state text NOT NULL,
    handled_by_email text,
    handled_at timestamp with time zone,
    CONSTRAINT callback_request_handled CHECK ((((handled_by_email IS NULL) = (handled_at IS NULL)) AND ((handled_at IS NULL) = ((state = 'new'::text) OR (NOT is_interested))))),
    CONSTRAINT callback_request_interested CHECK ((is_interested OR ((state = 'done'::text) AND (slot_starts_at IS NULL)))),
    CONSTRAINT callback_request_state CHECK ((state = ANY (ARRAY['new'::text, 'taken'::text, 'done'::text])))
)
WITH (fillfactor='90');

COMMENT ON TABLE public.callback_request IS 'Names as they were when it was asked, so that it outlives its feature set.';

COMMENT ON COLUMN public.callback_request.request_id IS 'The handset''s own id; repeated, it changes nothing.';

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

CREATE TABLE public.campaign (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    feature_set_id uuid NOT NULL,
    name text NOT NULL,
    campaign_type text NOT NULL,
    asks_answered boolean NOT NULL,
    asks_missed boolean NOT NULL,
    questions json NOT NULL,
    state text NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    live_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT campaign_asks_after_something CHECK ((asks_answered OR asks_missed)),
    CONSTRAINT campaign_ended CHECK (((ended_at IS NULL) = (state <> 'ended'::text))),
    CONSTRAINT campaign_live CHECK (((live_at IS NULL) = (state = 'draft'::text))),
    CONSTRAINT campaign_state CHECK ((state = ANY (ARRAY['draft'::text, 'live'::text, 'ended'::text]))),
    CONSTRAINT campaign_type_known CHECK ((campaign_type = ANY (ARRAY['call_rating'::text, 'questions'::text])))
);

COMMENT ON COLUMN public.campaign.questions IS 'In their order: id, text, kind, options. Never changed once the campaign is live.';

CREATE TABLE public.client_account (
    id uuid NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    features text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    requires_code boolean DEFAULT false NOT NULL,
    first_steps_hidden_at timestamp with time zone,
    limits jsonb,
    announced_calls_only boolean DEFAULT false NOT NULL,
    CONSTRAINT client_account_state CHECK ((state = ANY (ARRAY['active'::text, 'suspended'::text])))
);

COMMENT ON COLUMN public.client_account.requires_code IS 'Whether its members confirm a sign-in with a code sent by mail.';

COMMENT ON COLUMN public.client_account.first_steps_hidden_at IS 'Since when home does not show the first steps; null while it does.';

COMMENT ON COLUMN public.client_account.limits IS 'Limits that an operator has set, by name; null, or a name that is missing: the default.';

COMMENT ON COLUMN public.client_account.announced_calls_only IS 'Its static identities show only in calls that it announced.';

CREATE TABLE public.console_session (
    id uuid NOT NULL,
    token_sha256 bytea NOT NULL,
    member_id uuid,
    operator_id uuid,
    acting_account_id uuid,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    address text NOT NULL,
    user_agent text NOT NULL,
    CONSTRAINT console_session_acting CHECK (((acting_account_id IS NULL) OR (operator_id IS NOT NULL))),
    CONSTRAINT console_session_of_one CHECK (((member_id IS NULL) <> (operator_id IS NULL)))
)
WITH (fillfactor='80');

COMMENT ON COLUMN public.console_session.acting_account_id IS 'The business that an operator acts for.';

CREATE TABLE public.count_mark (
    what text NOT NULL,
    up_to_at timestamp with time zone,
    up_to_id uuid NOT NULL
);

COMMENT ON TABLE public.count_mark IS 'How far each job has counted into record_day, and (swept) looked for records left pending.';

CREATE TABLE public.counted_token (
    digest bytea NOT NULL,
    verified_call_id uuid NOT NULL,
    edge_id uuid NOT NULL,
    request_id text,
    counted_at timestamp with time zone NOT NULL
)
WITH (fillfactor='70');

COMMENT ON TABLE public.counted_token IS 'Tokens that counted once, by the SHA-256 of their signed text, until they are stale anyway. Of the real clock.';

CREATE TABLE public.delivery (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    event_number bigint,
    created_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    attempt_count integer DEFAULT 0 NOT NULL,
    ended_at timestamp with time zone,
    mailed_at timestamp with time zone,
    sample json,
    CONSTRAINT delivery_ended CHECK (((ended_at IS NULL) = (state = ANY (ARRAY['pending'::text, 'rescheduled'::text])))),
    CONSTRAINT delivery_of_log_or_sample CHECK (((event_number IS NULL) = (sample IS NOT NULL))),
    CONSTRAINT delivery_state CHECK ((state = ANY (ARRAY['pending'::text, 'success'::text, 'rescheduled'::text, 'webhook_not_found'::text, 'failed'::text, 'stopped'::text])))
)
PARTITION BY RANGE (created_at);

COMMENT ON TABLE public.delivery IS 'One event to one webhook; a partition a day, by the instant of the event.';

COMMENT ON COLUMN public.delivery.sample IS 'The body of a test; other bodies are in the event log.';

CREATE TABLE public.delivery_rest (
    id uuid CONSTRAINT delivery_id_not_null NOT NULL,
    account_id uuid CONSTRAINT delivery_account_id_not_null NOT NULL,
    webhook_id uuid CONSTRAINT delivery_webhook_id_not_null NOT NULL,
    event_id uuid CONSTRAINT delivery_event_id_not_null NOT NULL,
    event_type text CONSTRAINT delivery_event_type_not_null NOT NULL,
    event_number bigint,
    created_at timestamp with time zone CONSTRAINT delivery_created_at_not_null NOT NULL,
    state text CONSTRAINT delivery_state_not_null NOT NULL,
    attempt_count integer DEFAULT 0 CONSTRAINT delivery_attempt_count_not_null NOT NULL,
    ended_at timestamp with time zone,
    mailed_at timestamp with time zone,
    sample json,
    CONSTRAINT delivery_ended CHECK (((ended_at IS NULL) = (state = ANY (ARRAY['pending'::text, 'rescheduled'::text])))),
    CONSTRAINT delivery_of_log_or_sample CHECK (((event_number IS NULL) = (sample IS NOT NULL))),
    CONSTRAINT delivery_state CHECK ((state = ANY (ARRAY['pending'::text, 'success'::text, 'rescheduled'::text, 'webhook_not_found'::text, 'failed'::text, 'stopped'::text])))
);

COMMENT ON TABLE public.delivery_rest IS 'Deliveries of days that have no partition yet; moved when their day gets its own.';

CREATE TABLE public.department (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.edge (
    id uuid NOT NULL,
    name text NOT NULL,
    account_id uuid,
    token_sha256 bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone
)
WITH (fillfactor='70');

COMMENT ON TABLE public.edge IS 'Call servers. Without an account: the operator''s, which signs for every account.';

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

CREATE TABLE public.erasure (
    id uuid NOT NULL,
    digest bytea NOT NULL,
    sealed_key bytea,
    phone_number text COLLATE pg_catalog."C",
    is_listed boolean DEFAULT false NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    pass_number integer DEFAULT 1 NOT NULL,
    pass_changes bigint DEFAULT 0 NOT NULL,
    table_count integer DEFAULT 0 NOT NULL,
    tables_done integer DEFAULT 0 NOT NULL,
    last_table text,
    counts json DEFAULT '{}'::json NOT NULL,
    redacted uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    ended_at timestamp with time zone,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone
);

COMMENT ON TABLE public.erasure IS 'Kept for ever: a backup that is restored has the data again, and its number is known by the digest.';

COMMENT ON COLUMN public.erasure.digest IS 'HMAC-SHA-256 of the number, with a key that is encrypted with the installation''s secret key in sealed_key.';

COMMENT ON COLUMN public.erasure.sealed_key IS 'Null: the secret key was lost.';

COMMENT ON COLUMN public.erasure.phone_number IS 'Null once it is done; or before, where the number is to be found by its digest.';

COMMENT ON COLUMN public.erasure.is_listed IS 'A business had the number at the last look: what is about its own number stayed.';

COMMENT ON COLUMN public.erasure.last_table IS 'Up to which table, in alphabetical order, this pass has come.';

CREATE TABLE public.event (
    account_id uuid NOT NULL,
    number bigint NOT NULL,
    id uuid NOT NULL,
    event_type text NOT NULL,
    campaign_id uuid,
    created_at timestamp with time zone NOT NULL,
    body json NOT NULL,
    CONSTRAINT event_campaign CHECK (((event_type = 'user_feedback'::text) = (campaign_id IS NOT NULL)))
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
    CONSTRAINT event_campaign CHECK (((event_type = 'user_feedback'::text) = (campaign_id IS NOT NULL)))
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
    label_lives boolean DEFAULT true NOT NULL,
    call_reason_id uuid,
    call_me_back boolean NOT NULL,
    survey boolean NOT NULL,
    number_count bigint DEFAULT 0 NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT feature_set_label_lives CHECK (label_lives),
    CONSTRAINT feature_set_number_count CHECK ((number_count >= 0)),
    CONSTRAINT feature_set_or_number_group CHECK ((is_number_group = (process_id IS NULL))),
    CONSTRAINT feature_set_phone_type CHECK ((phone_type = ANY (ARRAY['verified'::text, 'priority'::text]))),
    CONSTRAINT feature_set_published_has_label CHECK (((state <> 'published'::text) OR (label_id IS NOT NULL))),
    CONSTRAINT feature_set_state CHECK ((state = ANY (ARRAY['draft'::text, 'published'::text, 'unpublished'::text])))
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.feature_set.process_id IS 'The process or sub-process it hangs on; null for a number group.';

COMMENT ON COLUMN public.feature_set.is_number_group IS 'Holds numbers brought over from an older console, outside the structure; never shown by the API.';

COMMENT ON COLUMN public.feature_set.label_lives IS 'Always true: half of the reference that keeps its label from being deleted.';

COMMENT ON COLUMN public.feature_set.number_count IS 'Rows of number in it, kept in the transactions that change them.';

CREATE TABLE public.feedback (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    receiver_number text NOT NULL COLLATE pg_catalog."C",
    call_id uuid NOT NULL,
    business_number text NOT NULL COLLATE pg_catalog."C",
    call_type text NOT NULL,
    responded_at timestamp with time zone NOT NULL,
    responses json NOT NULL,
    CONSTRAINT feedback_call_type CHECK ((call_type = ANY (ARRAY['answered'::text, 'missed'::text])))
);

COMMENT ON COLUMN public.feedback.responses IS 'As the event shows them: question_id, question, answer, in the order of the questions.';

CREATE TABLE public.file_draft (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    purpose text NOT NULL,
    subject_id uuid,
    file_name text NOT NULL,
    content bytea NOT NULL,
    choices json NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT file_draft_purpose CHECK ((purpose = ANY (ARRAY['records'::text, 'numbers'::text])))
);

COMMENT ON TABLE public.file_draft IS 'Files that were uploaded and are previewed; gone when they are used, or after a day.';

COMMENT ON COLUMN public.file_draft.subject_id IS 'The feature set that a list of numbers is for.';

CREATE TABLE public.gateway (
    id uuid NOT NULL,
    beat_at timestamp with time zone NOT NULL,
    lost_at timestamp with time zone
);

COMMENT ON TABLE public.gateway IS 'Gateways, each for the life of its process. Instants are real ones.';

COMMENT ON COLUMN public.gateway.lost_at IS 'When it ended, or was found to be dead.';

CREATE TABLE public.handed_over (
    sha256 bytea NOT NULL,
    kind text NOT NULL,
    session_id uuid,
    member_id uuid,
    operator_id uuid,
    sealed bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.handed_over IS 'New secrets that the next page shows once, and forms that wait for a sign-in. The key to each is in an address and nowhere here.';

COMMENT ON COLUMN public.handed_over.session_id IS 'The only session that may take it; null: whoever has the address and is the person, if one is named.';

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
    secret_key_mark bytea,
    secret_key_changed_at timestamp with time zone,
    held_at timestamp with time zone,
    place text,
    CONSTRAINT installation_is_one CHECK (only_row)
);

COMMENT ON TABLE public.installation IS 'One row. clock_offset moves the product clock of every process (emulator only).';

COMMENT ON COLUMN public.installation.secret_key_mark IS 'A mark of the key that secrets are encrypted with (not the key), so that a process with another key is refused.';

COMMENT ON COLUMN public.installation.secret_key_changed_at IS 'By the real clock. Links signed with the key before it are good for their lifetime after this.';

COMMENT ON COLUMN public.installation.held_at IS 'Since when (real clock) no webhook, mail or alert is sent; null: they are.';

COMMENT ON COLUMN public.installation.place IS 'Where the database was when it was first started; null: not started yet.';

CREATE TABLE public.known_browser (
    sha256 bytea NOT NULL,
    member_id uuid,
    operator_id uuid,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT known_browser_of_one CHECK (((member_id IS NULL) <> (operator_id IS NULL)))
);

COMMENT ON TABLE public.known_browser IS 'Browsers in which a person has signed in: wrong passwords count apart there. They open nothing.';

CREATE TABLE public.known_device (
    sha256 bytea NOT NULL,
    member_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.known_device IS 'Browsers that need no code for a while.';

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
    lives boolean GENERATED ALWAYS AS ((deleted_at IS NULL)) STORED NOT NULL,
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
    reviewed_by_email text,
    reviewed_at timestamp with time zone,
    why text,
    ended_at timestamp with time zone,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone,
    CONSTRAINT listing_job_kind CHECK ((kind = ANY (ARRAY['publish'::text, 'delist'::text]))),
    CONSTRAINT listing_job_state CHECK ((state = ANY (ARRAY['in_review'::text, 'running'::text, 'ended'::text])))
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.listing_job.why IS 'Why a reviewer rejected it; its numbers then become failed instead of listed.';

CREATE TABLE public.logo (
    sha256 bytea NOT NULL,
    png bytea NOT NULL
);

COMMENT ON TABLE public.logo IS 'Decoded and re-encoded PNGs by content; never changed, so that their address may be cached.';

CREATE TABLE public.mail (
    id uuid NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    plain text NOT NULL,
    html text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    attempt_count integer DEFAULT 0 NOT NULL,
    ended_at timestamp with time zone,
    last_error text,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone,
    sealed bytea,
    expires_at timestamp with time zone,
    CONSTRAINT mail_ended CHECK ((((state = 'waiting'::text) = (ended_at IS NULL)) AND ((state = 'waiting'::text) = (due_at IS NOT NULL)))),
    CONSTRAINT mail_state CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'failed'::text, 'caught'::text])))
);

COMMENT ON TABLE public.mail IS 'Mails to one recipient each, written in the transaction of what they tell of and sent afterwards.';

COMMENT ON COLUMN public.mail.sealed IS 'Text and HTML, encrypted with the secret key; plain and html are empty then, and when the mail was sent.';

COMMENT ON COLUMN public.mail.expires_at IS 'When the link or the code in it ends: it is not sent from then on; null: at any time.';

CREATE TABLE public.mailed_link (
    sha256 bytea NOT NULL,
    kind text NOT NULL,
    member_id uuid,
    operator_id uuid,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT mailed_link_kind CHECK ((kind = ANY (ARRAY['invitation'::text, 'password_reset'::text]))),
    CONSTRAINT mailed_link_of_one CHECK (((member_id IS NULL) <> (operator_id IS NULL)))
);

COMMENT ON TABLE public.mailed_link IS 'Links that work once: the row goes with their use.';

CREATE TABLE public.member (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    password_hash text,
    department_id uuid,
    operation_id uuid,
    process_id uuid,
    zone text,
    CONSTRAINT member_place_fits_role CHECK ((((department_id IS NULL) OR (role = 'department_owner'::text)) AND ((operation_id IS NULL) OR (role = 'operation_owner'::text)) AND ((process_id IS NULL) OR (role = 'process_owner'::text)))),
    CONSTRAINT member_role CHECK ((role = ANY (ARRAY['admin'::text, 'department_owner'::text, 'operation_owner'::text, 'process_owner'::text]))),
    CONSTRAINT member_state CHECK ((state = ANY (ARRAY['invited'::text, 'active'::text, 'revoked'::text])))
);

COMMENT ON COLUMN public.member.department_id IS 'What an owner owns, by its role; all null until it is given a place, which then shows nothing.';

COMMENT ON COLUMN public.member.zone IS 'The time zone in which pages show times to this person, as Asia/Kolkata; null until the first sign-in with a browser that names one.';

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

CREATE TABLE public.number_code (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    phone_number text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL,
    requested_by_email text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    try_count integer DEFAULT 0 NOT NULL,
    attempt_count integer DEFAULT 0 NOT NULL,
    sent_at timestamp with time zone,
    error text,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone,
    key_mark bytea,
    CONSTRAINT number_code_channel CHECK ((channel = ANY (ARRAY['call'::text, 'sms'::text])))
);

COMMENT ON TABLE public.number_code IS 'Codes by which accounts prove numbers. The code itself is derived from the id and the secret key, and stored nowhere.';

COMMENT ON COLUMN public.number_code.key_mark IS 'A mark of the secret key that the code is derived with; null: of before this column.';

CREATE TABLE public.number_proof (
    phone_number text NOT NULL COLLATE pg_catalog."C",
    account_id uuid NOT NULL,
    state text NOT NULL,
    way text NOT NULL,
    by_email text NOT NULL,
    at timestamp with time zone NOT NULL,
    why text,
    request_id uuid,
    CONSTRAINT number_proof_state CHECK ((state = ANY (ARRAY['waiting'::text, 'proven'::text, 'refused'::text]))),
    CONSTRAINT number_proof_way CHECK ((way = ANY (ARRAY['operator'::text, 'letter'::text, 'call'::text, 'sms'::text]))),
    CONSTRAINT number_proof_why CHECK (((state = 'refused'::text) = (why IS NOT NULL)))
);

COMMENT ON TABLE public.number_proof IS 'Whether its account may call from a number. No row: unproven. It goes with the number, and when the number changes hands.';

CREATE TABLE public.operator_token (
    id uuid NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone
);

COMMENT ON TABLE public.operator_token IS 'Tokens of the operator API; only their hashes are kept. Revoked ones stay, so that the audit log can be understood.';

COMMENT ON COLUMN public.operator_token.last_used_at IS 'To the minute.';

CREATE TABLE public.operator_user (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    zone text
);

COMMENT ON TABLE public.operator_user IS 'People who run the installation.';

COMMENT ON COLUMN public.operator_user.zone IS 'As member.zone.';

CREATE TABLE public.periodic_job (
    name text NOT NULL,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone
);

COMMENT ON TABLE public.periodic_job IS 'Work that comes round by itself, once however many workers there are.';

CREATE TABLE public.possible_spoof (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    caller_number text NOT NULL COLLATE pg_catalog."C",
    receiver_number text NOT NULL COLLATE pg_catalog."C",
    cause text NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    CONSTRAINT possible_spoof_cause CHECK ((cause = ANY (ARRAY['foreign_signing_request'::text, 'foreign_signature'::text, 'not_announced'::text])))
);

COMMENT ON TABLE public.possible_spoof IS 'A row an alarm, each also an event of the account.';

CREATE TABLE public.presence (
    phone_number text NOT NULL COLLATE pg_catalog."C",
    stream text NOT NULL,
    gateway_id uuid NOT NULL,
    lost_at timestamp with time zone
)
WITH (fillfactor='80');

COMMENT ON TABLE public.presence IS 'The newest stream of each handset that has ever connected.';

COMMENT ON COLUMN public.presence.lost_at IS 'When it ended (real time), -infinity when the handset said goodbye; null: open, unless its gateway is lost.';

CREATE TABLE public.process (
    id uuid NOT NULL,
    kind text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL,
    clock_version bigint NOT NULL
);

COMMENT ON TABLE public.process IS 'Live processes: real-clock heartbeats, and the product clock version each has confirmed.';

CREATE TABLE public.proof_request (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    state text NOT NULL,
    number_count integer NOT NULL,
    letter_name text,
    letter_type text,
    letter bytea,
    requested_by_email text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    reviewed_by_email text,
    reviewed_at timestamp with time zone,
    why text,
    CONSTRAINT proof_request_letter CHECK ((((letter IS NULL) = (letter_type IS NULL)) AND ((letter IS NULL) = (letter_name IS NULL)))),
    CONSTRAINT proof_request_reviewed CHECK (((state = 'waiting'::text) = (reviewed_at IS NULL))),
    CONSTRAINT proof_request_state CHECK ((state = ANY (ARRAY['waiting'::text, 'approved'::text, 'refused'::text]))),
    CONSTRAINT proof_request_why CHECK (((state = 'refused'::text) = (why IS NOT NULL)))
);

COMMENT ON TABLE public.proof_request IS 'An account asks the operator to find that it may call from numbers, as a rule with a letter of authorisation.';

CREATE TABLE public.record_day (
    account_id uuid NOT NULL,
    day date NOT NULL,
    accepted bigint DEFAULT 0 NOT NULL,
    invalid bigint DEFAULT 0 NOT NULL,
    success bigint DEFAULT 0 NOT NULL,
    not_registered bigint DEFAULT 0 NOT NULL,
    os_not_supported bigint DEFAULT 0 NOT NULL,
    app_version_not_supported bigint DEFAULT 0 NOT NULL,
    failed_to_push bigint DEFAULT 0 NOT NULL,
    late bigint DEFAULT 0 NOT NULL,
    shown bigint DEFAULT 0 NOT NULL,
    answered bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.record_day IS 'Counts of call records by day (UTC): of their acceptance, and for shown and answered of the call. Added to by periodic jobs, behind the pushing.';

COMMENT ON COLUMN public.record_day.late IS 'Of success: delivered after a first failure.';

CREATE TABLE public.registration (
    phone_number text NOT NULL COLLATE pg_catalog."C",
    generation bigint NOT NULL,
    app_id uuid NOT NULL,
    os text NOT NULL,
    app_version text NOT NULL,
    token_sha256 bytea,
    registered_at timestamp with time zone NOT NULL,
    forgotten_at timestamp with time zone,
    push_service text,
    push_token text
);

COMMENT ON TABLE public.registration IS 'One row a phone number: its live registration, or (token null) that it was forgotten.';

COMMENT ON COLUMN public.registration.push_token IS 'The app''s token at push_service, by which it is woken. Null: it is not woken.';

CREATE UNLOGGED TABLE public.request_window (
    token_sha256 bytea NOT NULL,
    bucket text NOT NULL,
    instants timestamp with time zone[] NOT NULL,
    newest integer NOT NULL
)
WITH (fillfactor='30', autovacuum_vacuum_scale_factor='0.05');

CREATE TABLE public.reset_request (
    id uuid NOT NULL,
    email text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone
);

COMMENT ON TABLE public.reset_request IS 'Addresses that a new password was requested for, whether or not anyone has them; a row goes once it was answered.';

CREATE TABLE public.sign_in_code (
    sha256 bytea NOT NULL,
    member_id uuid NOT NULL,
    code_sha256 bytea NOT NULL,
    tries_left integer NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT sign_in_code_tries CHECK ((tries_left >= 0))
);

COMMENT ON TABLE public.sign_in_code IS 'Sign-ins whose password was right and whose code is awaited; the key is what the browser keeps.';

CREATE TABLE public.signed_call (
    id uuid NOT NULL,
    edge_id uuid NOT NULL,
    account_id uuid NOT NULL,
    caller_number text NOT NULL COLLATE pg_catalog."C",
    receiver_number text NOT NULL COLLATE pg_catalog."C",
    origid uuid NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    attest text NOT NULL,
    source text NOT NULL,
    record_id uuid,
    signed_at timestamp with time zone NOT NULL,
    CONSTRAINT signed_call_attest CHECK ((attest = ANY (ARRAY['A'::text, 'B'::text, 'C'::text]))),
    CONSTRAINT signed_call_record CHECK (((source = 'call_record'::text) = (record_id IS NOT NULL))),
    CONSTRAINT signed_call_source CHECK ((source = ANY (ARRAY['call_record'::text, 'listed_number'::text, 'none'::text])))
);

COMMENT ON TABLE public.signed_call IS 'A row a signing that was answered. origid is in the token, so a verified call is known again.';

COMMENT ON COLUMN public.signed_call.issued_at IS 'The iat of the tokens, by the real clock. signed_at is of the product clock.';

COMMENT ON COLUMN public.signed_call.source IS 'Where name and icon in the second token came from; none: there was no second token.';

CREATE TABLE public.signer_certificate (
    id uuid NOT NULL,
    account_id uuid,
    serial text NOT NULL COLLATE pg_catalog."C",
    chain text NOT NULL,
    sealed_key bytea,
    is_imported boolean NOT NULL,
    lot_start text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    not_before timestamp with time zone NOT NULL,
    not_after timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT signer_certificate_keyed CHECK (((sealed_key IS NOT NULL) OR (retired_at IS NOT NULL)))
);

COMMENT ON TABLE public.signer_certificate IS 'What calls are signed with, its chain in PEM as verifiers get it. Retired ones sign nothing and have no key, but can be got as long as a signature may be checked. Without an account: the operator''s. All instants are of the real clock.';

COMMENT ON COLUMN public.signer_certificate.lot_start IS 'An account with very many numbers has a certificate for each lot; this one''s are from here to the next lot''s start.';

CREATE TABLE public.sink (
    name text NOT NULL,
    status integer NOT NULL,
    delay_s double precision NOT NULL,
    headers json NOT NULL,
    body text NOT NULL,
    drip_s double precision NOT NULL,
    reset boolean NOT NULL
);

COMMENT ON TABLE public.sink IS 'Emulator only: how a programmable webhook receiver answers.';

CREATE TABLE public.sink_request (
    id bigint NOT NULL,
    sink text NOT NULL,
    at timestamp with time zone NOT NULL,
    method text NOT NULL,
    query text NOT NULL,
    headers json NOT NULL,
    body text NOT NULL
);

COMMENT ON TABLE public.sink_request IS 'Emulator only: what a programmable webhook receiver was sent; the newest of each are kept.';

ALTER TABLE public.sink_request ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sink_request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.throttle (
    what text NOT NULL,
    who text NOT NULL,
    instants timestamp with time zone[] NOT NULL
);

COMMENT ON TABLE public.throttle IS 'Recent tries of what is limited, by who tries: sign-ins by address and e-mail, mails by e-mail.';

CREATE TABLE public.trust_root (
    id uuid NOT NULL,
    name text NOT NULL,
    certificate bytea NOT NULL,
    sha256 bytea NOT NULL,
    sealed_key bytea,
    provider_code text,
    added_at timestamp with time zone NOT NULL,
    CONSTRAINT trust_root_own CHECK (((sealed_key IS NOT NULL) OR (provider_code IS NULL)))
);

COMMENT ON TABLE public.trust_root IS 'Roots whose certificates count when a call is verified, in DER. The installation has the key of one at most: it issues certificates of accounts.';

CREATE TABLE public.uncounted_batch (
    batch_id uuid NOT NULL,
    account_id uuid NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    record_count integer NOT NULL
);

COMMENT ON TABLE public.uncounted_batch IS 'Batches that the mark has passed while records of theirs had no outcome yet.';

CREATE TABLE public.upload (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    file_name text NOT NULL,
    region text NOT NULL,
    row_count integer NOT NULL,
    submitted_count integer DEFAULT 0 NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone,
    left_out_count integer DEFAULT 0 NOT NULL
)
WITH (fillfactor='80');

COMMENT ON COLUMN public.upload.left_out_count IS 'Rows that could not be read as a record, such as one with too many cells; row_count does not count them.';

CREATE TABLE public.upload_part (
    upload_id uuid NOT NULL,
    number integer NOT NULL,
    rows json NOT NULL,
    batch_id uuid
);

COMMENT ON TABLE public.upload_part IS 'Up to 500 rows of a file, as they were read; batch_id is set in the transaction that submits them, so that none is submitted twice.';

CREATE TABLE public.verified_call (
    id uuid NOT NULL,
    edge_id uuid NOT NULL,
    account_id uuid,
    caller_number text NOT NULL COLLATE pg_catalog."C",
    receiver_number text NOT NULL COLLATE pg_catalog."C",
    verstat text NOT NULL,
    reason_code integer,
    detail text,
    name text,
    record_id uuid,
    verified_at timestamp with time zone NOT NULL,
    CONSTRAINT verified_call_reason CHECK (((verstat = 'TN-Validation-Passed'::text) = (reason_code IS NULL))),
    CONSTRAINT verified_call_verstat CHECK ((verstat = ANY (ARRAY['TN-Validation-Passed'::text, 'TN-Validation-Failed'::text, 'No-TN-Validation'::text])))
);

COMMENT ON TABLE public.verified_call IS 'A row a verification that was answered. Its account listed the caller''s number or signed the call.';

COMMENT ON COLUMN public.verified_call.name IS 'The name that the answer lets the phone show. Null: none.';

CREATE TABLE public.virtual_handset (
    phone_number text NOT NULL COLLATE pg_catalog."C",
    os text NOT NULL,
    app_version text NOT NULL,
    online boolean NOT NULL,
    registered boolean NOT NULL,
    script json NOT NULL,
    token text,
    push_token text
);

COMMENT ON TABLE public.virtual_handset IS 'Handsets the emulator plays; empty outside emulator mode.';

COMMENT ON COLUMN public.virtual_handset.push_token IS 'By which its app is woken. Null: it never sleeps.';

CREATE TABLE public.waiting_delivery (
    delivery_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    event_number bigint NOT NULL,
    attempt_count integer NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    body json NOT NULL,
    traceparent text
)
WITH (fillfactor='70');

COMMENT ON TABLE public.waiting_delivery IS 'Deliveries with an attempt to come, apart from the log, so that what is due is found in a small table.';

COMMENT ON COLUMN public.waiting_delivery.failures IS 'Failed attempts since the schedule began, which a resent delivery begins anew; attempt_count counts all.';

CREATE TABLE public.wake_up (
    phone_number text NOT NULL COLLATE pg_catalog."C",
    wanted_until timestamp with time zone NOT NULL,
    attempt_count integer DEFAULT 0 NOT NULL,
    sent_at timestamp with time zone,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone,
    sent_ats timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    owner text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
)
WITH (fillfactor='70');

COMMENT ON TABLE public.wake_up IS 'One row a phone number that was ever woken. wanted_until is when the last record to show has ended.';

COMMENT ON COLUMN public.wake_up.sent_ats IS 'The newest wake-ups that the push service has taken, oldest first.';

COMMENT ON COLUMN public.wake_up.owner IS 'Who wants it and takes turns: an account''s batches, or its real-time pushes.';

CREATE TABLE public.webhook (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    event_types text[] NOT NULL,
    sealed_secret bytea NOT NULL,
    honours_retry_after boolean NOT NULL,
    stops_on_gone boolean NOT NULL,
    created_by_email text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    paused_at timestamp with time zone,
    deleted_at timestamp with time zone,
    sealed_old_secrets bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    old_secrets_until timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    paused_for_failing boolean DEFAULT false NOT NULL
);

COMMENT ON COLUMN public.webhook.url IS 'Called exactly as it is stored.';

COMMENT ON COLUMN public.webhook.sealed_secret IS 'Encrypted with the installation''s secret key; the old one still signs beside it until old_secret_until.';

COMMENT ON COLUMN public.webhook.sealed_old_secrets IS 'Secrets that were replaced, newest first, each good until the instant at the same place of old_secrets_until.';

COMMENT ON COLUMN public.webhook.paused_for_failing IS 'The platform paused it, because no attempt had succeeded for five days.';

CREATE TABLE public.webhook_outage (
    webhook_id uuid NOT NULL,
    failing_since timestamp with time zone,
    last_failed_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    notices integer DEFAULT 0 NOT NULL,
    is_open boolean DEFAULT false NOT NULL,
    announced_at timestamp with time zone,
    working_since timestamp with time zone,
    CONSTRAINT webhook_outage_failing CHECK (((failing_since IS NULL) = (failures = 0)))
)
WITH (fillfactor='70');

COMMENT ON TABLE public.webhook_outage IS 'Webhooks that fail or failed a short time ago. failing_since is the first failed attempt after the last success.';

COMMENT ON COLUMN public.webhook_outage.is_open IS 'An alert said that the webhook fails, and none has said since that it works again.';

CREATE TABLE public.webhook_queue (
    webhook_id uuid NOT NULL,
    is_paused boolean DEFAULT false NOT NULL,
    due_at timestamp with time zone,
    lease_id uuid,
    leased_until timestamp with time zone
)
WITH (fillfactor='50');

COMMENT ON TABLE public.webhook_queue IS 'Whose turn it is: the worker that holds the lease makes all attempts of this webhook, so that it alone bounds those in flight.';

ALTER TABLE ONLY public.attempt ATTACH PARTITION public.attempt_rest DEFAULT;

ALTER TABLE ONLY public.call_record ATTACH PARTITION public.call_record_rest DEFAULT;

ALTER TABLE ONLY public.delivery ATTACH PARTITION public.delivery_rest DEFAULT;

ALTER TABLE ONLY public.event ATTACH PARTITION public.event_rest DEFAULT;

ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.account_switch
    ADD CONSTRAINT account_switch_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.alert_once
    ADD CONSTRAINT alert_once_pkey PRIMARY KEY (account_id, alert_kind, what);

ALTER TABLE ONLY public.alert_post
    ADD CONSTRAINT alert_post_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alert_recipient
    ADD CONSTRAINT alert_recipient_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.announced_call
    ADD CONSTRAINT announced_call_pkey PRIMARY KEY (account_id, call_id);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (delivery_id, began_at, id);

ALTER TABLE ONLY public.attempt_rest
    ADD CONSTRAINT attempt_rest_pkey PRIMARY KEY (delivery_id, began_at, id);

ALTER TABLE ONLY public.audit_checkpoint
    ADD CONSTRAINT audit_checkpoint_pkey PRIMARY KEY (seal_number);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_head
    ADD CONSTRAINT audit_head_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.brand_icon
    ADD CONSTRAINT brand_icon_pkey PRIMARY KEY (logo_sha256, side);

ALTER TABLE ONLY public.call
    ADD CONSTRAINT call_pkey PRIMARY KEY (receiver_number, id);

ALTER TABLE ONLY public.call_reason
    ADD CONSTRAINT call_reason_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.call_record
    ADD CONSTRAINT call_record_pkey PRIMARY KEY (receiver_number, ends_at, id);

ALTER TABLE ONLY public.call_record_rest
    ADD CONSTRAINT call_record_rest_pkey PRIMARY KEY (receiver_number, ends_at, id);

ALTER TABLE ONLY public.callback_config
    ADD CONSTRAINT callback_config_one_each UNIQUE (feature_set_id);

ALTER TABLE ONLY public.callback_config
    ADD CONSTRAINT callback_config_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.callback_request
    ADD CONSTRAINT callback_request_once UNIQUE (receiver_number, request_id);

ALTER TABLE ONLY public.callback_request
    ADD CONSTRAINT callback_request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.calling_operation
    ADD CONSTRAINT calling_operation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.calling_process
    ADD CONSTRAINT calling_process_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.campaign
    ADD CONSTRAINT campaign_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.client_account
    ADD CONSTRAINT client_account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.console_session
    ADD CONSTRAINT console_session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.console_session
    ADD CONSTRAINT console_session_token_unique UNIQUE (token_sha256);

ALTER TABLE ONLY public.count_mark
    ADD CONSTRAINT count_mark_pkey PRIMARY KEY (what);

ALTER TABLE ONLY public.counted_token
    ADD CONSTRAINT counted_token_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id, created_at);

ALTER TABLE ONLY public.delivery_rest
    ADD CONSTRAINT delivery_rest_pkey PRIMARY KEY (id, created_at);

ALTER TABLE ONLY public.department
    ADD CONSTRAINT department_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.edge
    ADD CONSTRAINT edge_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.edge
    ADD CONSTRAINT edge_token_unique UNIQUE (token_sha256);

ALTER TABLE ONLY public.emulator_state
    ADD CONSTRAINT emulator_state_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.erasure
    ADD CONSTRAINT erasure_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.event_counter
    ADD CONSTRAINT event_counter_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (account_id, number, created_at);

ALTER TABLE ONLY public.event_rest
    ADD CONSTRAINT event_rest_pkey PRIMARY KEY (account_id, number, created_at);

ALTER TABLE public.event
    ADD CONSTRAINT event_type_known CHECK ((event_type = ANY (ARRAY['cmb'::text, 'user_feedback'::text, 'possible_spoof'::text]))) NOT VALID;

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_once_a_call UNIQUE (receiver_number, call_id);

ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.file_draft
    ADD CONSTRAINT file_draft_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.gateway
    ADD CONSTRAINT gateway_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.handed_over
    ADD CONSTRAINT handed_over_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.handset_app
    ADD CONSTRAINT handset_app_credential_unique UNIQUE (credential_sha256);

ALTER TABLE ONLY public.handset_app
    ADD CONSTRAINT handset_app_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_key
    ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (account_id, key);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.known_browser
    ADD CONSTRAINT known_browser_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.known_device
    ADD CONSTRAINT known_device_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.label
    ADD CONSTRAINT label_lives UNIQUE (id, lives);

ALTER TABLE ONLY public.label
    ADD CONSTRAINT label_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.listing_job
    ADD CONSTRAINT listing_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.logo
    ADD CONSTRAINT logo_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.mail
    ADD CONSTRAINT mail_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.mailed_link
    ADD CONSTRAINT mailed_link_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.number_code
    ADD CONSTRAINT number_code_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.number
    ADD CONSTRAINT number_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.number_proof
    ADD CONSTRAINT number_proof_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.operator_token
    ADD CONSTRAINT operator_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.operator_token
    ADD CONSTRAINT operator_token_sha256 UNIQUE (sha256);

ALTER TABLE ONLY public.operator_user
    ADD CONSTRAINT operator_user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.periodic_job
    ADD CONSTRAINT periodic_job_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.possible_spoof
    ADD CONSTRAINT possible_spoof_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.presence
    ADD CONSTRAINT presence_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.process
    ADD CONSTRAINT process_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.proof_request
    ADD CONSTRAINT proof_request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.record_day
    ADD CONSTRAINT record_day_pkey PRIMARY KEY (account_id, day);

ALTER TABLE ONLY public.registration
    ADD CONSTRAINT registration_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.registration
    ADD CONSTRAINT registration_token_unique UNIQUE (token_sha256);

ALTER TABLE ONLY public.request_window
    ADD CONSTRAINT request_window_pkey PRIMARY KEY (token_sha256, bucket);

ALTER TABLE ONLY public.reset_request
    ADD CONSTRAINT reset_request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sign_in_code
    ADD CONSTRAINT sign_in_code_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.signed_call
    ADD CONSTRAINT signed_call_once UNIQUE (receiver_number, caller_number, origid, issued_at);

ALTER TABLE ONLY public.signed_call
    ADD CONSTRAINT signed_call_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.signer_certificate
    ADD CONSTRAINT signer_certificate_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.signer_certificate
    ADD CONSTRAINT signer_certificate_serial_unique UNIQUE (serial);

ALTER TABLE ONLY public.sink
    ADD CONSTRAINT sink_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.sink_request
    ADD CONSTRAINT sink_request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.throttle
    ADD CONSTRAINT throttle_pkey PRIMARY KEY (what, who);

ALTER TABLE ONLY public.trust_root
    ADD CONSTRAINT trust_root_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.trust_root
    ADD CONSTRAINT trust_root_unique UNIQUE (sha256);

ALTER TABLE ONLY public.uncounted_batch
    ADD CONSTRAINT uncounted_batch_pkey PRIMARY KEY (batch_id);

ALTER TABLE ONLY public.upload_part
    ADD CONSTRAINT upload_part_pkey PRIMARY KEY (upload_id, number);

ALTER TABLE ONLY public.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.verified_call
    ADD CONSTRAINT verified_call_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.virtual_handset
    ADD CONSTRAINT virtual_handset_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.waiting_delivery
    ADD CONSTRAINT waiting_delivery_pkey PRIMARY KEY (delivery_id);

ALTER TABLE ONLY public.wake_up
    ADD CONSTRAINT wake_up_pkey PRIMARY KEY (phone_number);

ALTER TABLE public.webhook
    ADD CONSTRAINT webhook_event_types CHECK (((cardinality(event_types) > 0) AND (event_types <@ ARRAY['cmb'::text, 'user_feedback'::text, 'possible_spoof'::text]))) NOT VALID;

ALTER TABLE ONLY public.webhook_outage
    ADD CONSTRAINT webhook_outage_pkey PRIMARY KEY (webhook_id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_queue
    ADD CONSTRAINT webhook_queue_pkey PRIMARY KEY (webhook_id);

CREATE INDEX access_token_account_created ON public.access_token USING btree (account_id, created_at);

CREATE INDEX account_switch_due ON public.account_switch USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX alert_once_at ON public.alert_once USING btree (at);

CREATE INDEX alert_post_due_recipient_id ON public.alert_post USING btree (recipient_id, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX alert_recipient_account ON public.alert_recipient USING btree (account_id, created_at, id);

CREATE UNIQUE INDEX alert_recipient_email ON public.alert_recipient USING btree (account_id, lower(email)) WHERE (email IS NOT NULL);

CREATE UNIQUE INDEX alert_recipient_role ON public.alert_recipient USING btree (account_id, role) WHERE (role IS NOT NULL);

CREATE INDEX announced_call_pair ON public.announced_call USING btree (receiver_number, caller_number, shown_until);

CREATE INDEX announced_call_shown_until ON public.announced_call USING btree (shown_until);

CREATE INDEX api_key_account ON public.api_key USING btree (account_id);

CREATE UNIQUE INDEX api_key_reference ON public.api_key USING btree (reference);

CREATE INDEX audit_entry_account_newest ON public.audit_entry USING btree (account_id, at DESC, id DESC);

CREATE INDEX audit_entry_newest ON public.audit_entry USING btree (at DESC, id DESC);

CREATE UNIQUE INDEX audit_entry_seal ON public.audit_entry USING btree (seal_number) WHERE (seal_number IS NOT NULL);

CREATE INDEX audit_entry_unsealed ON public.audit_entry USING btree (id) WHERE (seal_number IS NULL);

CREATE INDEX batch_account_newest ON public.batch USING btree (account_id, accepted_at DESC, id DESC);

CREATE INDEX batch_due_account_id ON public.batch USING btree (account_id, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX brand_icon_content ON public.brand_icon USING btree (sha256);

CREATE INDEX call_answered_late ON public.call USING btree (answered_known_at) WHERE (answered_known_at IS NOT NULL);

CREATE UNIQUE INDEX call_reason_text_unique ON public.call_reason USING btree (account_id, lower(text));

CREATE INDEX call_record_batch ON ONLY public.call_record USING btree (batch_id);

CREATE INDEX call_record_id ON ONLY public.call_record USING btree (id);

CREATE INDEX call_record_late ON ONLY public.call_record USING btree (delivered_late_at) WHERE (delivered_late_at IS NOT NULL);

CREATE INDEX call_record_rest_batch_id_idx ON public.call_record_rest USING btree (batch_id);

CREATE INDEX call_record_rest_delivered_late_at_idx ON public.call_record_rest USING btree (delivered_late_at) WHERE (delivered_late_at IS NOT NULL);

CREATE INDEX call_record_rest_id_idx ON public.call_record_rest USING btree (id);

CREATE INDEX call_record_shown ON public.call USING btree (record_id) WHERE (record_id IS NOT NULL);

CREATE INDEX call_reported ON public.call USING btree (reported_at);

CREATE INDEX call_shown_late ON public.call USING btree (shown_known_at) WHERE (shown_known_at IS NOT NULL);

CREATE INDEX callback_config_account ON public.callback_config USING btree (account_id);

CREATE INDEX callback_request_account_newest ON public.callback_request USING btree (account_id, requested_at DESC, id DESC);

CREATE INDEX callback_request_alternate ON public.callback_request USING btree (account_id, alternate_number COLLATE "C") WHERE (alternate_number IS NOT NULL);

CREATE INDEX callback_request_over ON public.callback_request USING btree (GREATEST(requested_at, slot_starts_at));

CREATE INDEX callback_request_to_do ON public.callback_request USING btree (account_id, requested_at DESC, id DESC) WHERE (state <> 'done'::text);

CREATE INDEX calling_operation_account ON public.calling_operation USING btree (account_id);

CREATE UNIQUE INDEX calling_operation_once ON public.calling_operation USING btree (department_id, catalogue_id);

CREATE INDEX calling_process_account ON public.calling_process USING btree (account_id);

CREATE UNIQUE INDEX calling_process_name_unique ON public.calling_process USING btree (operation_id, parent_id, lower(name)) NULLS NOT DISTINCT;

CREATE INDEX calling_process_parent ON public.calling_process USING btree (parent_id) WHERE (parent_id IS NOT NULL);

CREATE INDEX campaign_account_newest ON public.campaign USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX campaign_feature_set ON public.campaign USING btree (feature_set_id);

CREATE UNIQUE INDEX campaign_one_live_answered ON public.campaign USING btree (feature_set_id) WHERE ((state = 'live'::text) AND asks_answered);

CREATE UNIQUE INDEX campaign_one_live_missed ON public.campaign USING btree (feature_set_id) WHERE ((state = 'live'::text) AND asks_missed);

CREATE INDEX console_session_created ON public.console_session USING btree (created_at);

CREATE INDEX console_session_member ON public.console_session USING btree (member_id) WHERE (member_id IS NOT NULL);

CREATE INDEX console_session_operator ON public.console_session USING btree (operator_id) WHERE (operator_id IS NOT NULL);

CREATE INDEX counted_token_counted ON public.counted_token USING btree (counted_at);

CREATE INDEX delivery_account_newest ON ONLY public.delivery USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX delivery_event ON ONLY public.delivery USING btree (event_id);

CREATE INDEX delivery_rest_account_id_created_at_id_idx ON public.delivery_rest USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX delivery_rest_event_id_idx ON public.delivery_rest USING btree (event_id);

CREATE INDEX delivery_webhook_newest ON ONLY public.delivery USING btree (webhook_id, created_at DESC, id DESC);

CREATE INDEX delivery_rest_webhook_id_created_at_id_idx ON public.delivery_rest USING btree (webhook_id, created_at DESC, id DESC);

CREATE UNIQUE INDEX department_name_unique ON public.department USING btree (account_id, lower(name));

CREATE INDEX erasure_due ON public.erasure USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX erasure_newest ON public.erasure USING btree (requested_at DESC, id DESC);

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

CREATE INDEX feedback_campaign_newest ON public.feedback USING btree (campaign_id, responded_at DESC, id DESC);

CREATE INDEX file_draft_account ON public.file_draft USING btree (account_id, created_at);

CREATE INDEX file_draft_created ON public.file_draft USING btree (created_at);

CREATE INDEX handed_over_expires ON public.handed_over USING btree (expires_at);

CREATE INDEX handed_over_member ON public.handed_over USING btree (member_id) WHERE (member_id IS NOT NULL);

CREATE INDEX handed_over_operator ON public.handed_over USING btree (operator_id) WHERE (operator_id IS NOT NULL);

CREATE INDEX handed_over_session ON public.handed_over USING btree (session_id) WHERE (session_id IS NOT NULL);

CREATE INDEX idempotency_key_created ON public.idempotency_key USING btree (created_at);

CREATE INDEX known_browser_member ON public.known_browser USING btree (member_id) WHERE (member_id IS NOT NULL);

CREATE INDEX known_browser_operator ON public.known_browser USING btree (operator_id) WHERE (operator_id IS NOT NULL);

CREATE INDEX known_device_member ON public.known_device USING btree (member_id);

CREATE INDEX label_account_newest ON public.label USING btree (account_id, created_at DESC, id DESC);

CREATE UNIQUE INDEX label_one_default ON public.label USING btree (account_id) WHERE (is_default AND (deleted_at IS NULL));

CREATE INDEX listing_job_account_newest ON public.listing_job USING btree (account_id, requested_at DESC, id DESC);

CREATE INDEX listing_job_due_account_id ON public.listing_job USING btree (account_id, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX listing_job_in_review ON public.listing_job USING btree (requested_at) WHERE (state = 'in_review'::text);

CREATE INDEX mail_created ON public.mail USING btree (created_at, id);

CREATE INDEX mail_due_recipient ON public.mail USING btree (recipient, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX mail_unsent ON public.mail USING btree (created_at, id) WHERE ((state = 'failed'::text) OR ((state = 'waiting'::text) AND (attempt_count > 0)));

CREATE INDEX mailed_link_member ON public.mailed_link USING btree (member_id);

CREATE INDEX mailed_link_operator ON public.mailed_link USING btree (operator_id);

CREATE INDEX member_account ON public.member USING btree (account_id);

CREATE INDEX member_department ON public.member USING btree (department_id) WHERE (department_id IS NOT NULL);

CREATE INDEX member_email ON public.member USING btree (lower(email));

CREATE UNIQUE INDEX member_email_in_use ON public.member USING btree (lower(email)) WHERE ((state = 'active'::text) OR (password_hash IS NOT NULL));

CREATE UNIQUE INDEX member_email_of_account ON public.member USING btree (account_id, lower(email));

CREATE INDEX member_operation ON public.member USING btree (operation_id) WHERE (operation_id IS NOT NULL);

CREATE INDEX member_process ON public.member USING btree (process_id) WHERE (process_id IS NOT NULL);

CREATE INDEX number_account_newest ON public.number USING btree (account_id, created_at DESC, phone_number DESC) INCLUDE (feature_set_id);

CREATE INDEX number_account_unlisted ON public.number USING btree (account_id, state, created_at DESC, phone_number DESC) WHERE (state <> 'listed'::text);

CREATE INDEX number_code_account ON public.number_code USING btree (account_id, requested_at DESC);

CREATE INDEX number_code_due ON public.number_code USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX number_code_number ON public.number_code USING btree (phone_number, requested_at DESC);

CREATE INDEX number_feature_set_newest ON public.number USING btree (feature_set_id, created_at DESC, phone_number DESC);

CREATE INDEX number_job ON public.number USING btree (job_id, phone_number) WHERE (state = ANY (ARRAY['pending'::text, 'delisting'::text]));

CREATE INDEX number_proof_account ON public.number_proof USING btree (account_id, phone_number);

CREATE INDEX number_proof_request ON public.number_proof USING btree (request_id) WHERE (request_id IS NOT NULL);

CREATE UNIQUE INDEX operator_token_name ON public.operator_token USING btree (lower(name)) WHERE (revoked_at IS NULL);

CREATE UNIQUE INDEX operator_user_email_unique ON public.operator_user USING btree (lower(email));

CREATE INDEX possible_spoof_account_newest ON public.possible_spoof USING btree (account_id, raised_at DESC, id DESC);

CREATE INDEX proof_request_account_newest ON public.proof_request USING btree (account_id, requested_at DESC, id DESC);

CREATE INDEX proof_request_waiting ON public.proof_request USING btree (requested_at) WHERE (state = 'waiting'::text);

CREATE INDEX registration_forgotten ON public.registration USING btree (forgotten_at) WHERE (forgotten_at IS NOT NULL);

CREATE INDEX registration_of_app ON public.registration USING btree (app_id) WHERE (token_sha256 IS NOT NULL);

CREATE INDEX reset_request_due ON public.reset_request USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX sign_in_code_member ON public.sign_in_code USING btree (member_id);

CREATE INDEX signed_call_account_newest ON public.signed_call USING btree (account_id, signed_at DESC, id DESC);

CREATE INDEX signed_call_of_record ON public.signed_call USING btree (record_id) WHERE (record_id IS NOT NULL);

CREATE INDEX signed_call_signed ON public.signed_call USING brin (signed_at);

CREATE INDEX signer_certificate_in_use ON public.signer_certificate USING btree (account_id) WHERE (retired_at IS NULL);

CREATE INDEX sink_request_newest ON public.sink_request USING btree (sink, id);

CREATE UNIQUE INDEX trust_root_one_own ON public.trust_root USING btree ((true)) WHERE (sealed_key IS NOT NULL);

CREATE INDEX uncounted_batch_account ON public.uncounted_batch USING btree (account_id);

CREATE INDEX upload_account_newest ON public.upload USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX upload_due_account_id ON public.upload USING btree (account_id, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX verified_call_account_newest ON public.verified_call USING btree (account_id, verified_at DESC, id DESC) WHERE (account_id IS NOT NULL);

CREATE INDEX verified_call_of_record ON public.verified_call USING btree (record_id) WHERE (record_id IS NOT NULL);

CREATE INDEX verified_call_pair ON public.verified_call USING btree (receiver_number, caller_number, verified_at DESC);

CREATE INDEX verified_call_verified ON public.verified_call USING brin (verified_at);

CREATE INDEX waiting_delivery_created ON public.waiting_delivery USING btree (created_at);

CREATE INDEX waiting_delivery_due ON public.waiting_delivery USING btree (webhook_id, due_at, event_number);

CREATE INDEX waiting_delivery_failed ON public.waiting_delivery USING btree (webhook_id, due_at) WHERE (failures > 0);

CREATE INDEX wake_up_due_owner ON public.wake_up USING btree (owner, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX webhook_account ON public.webhook USING btree (account_id);

CREATE INDEX webhook_queue_due ON public.webhook_queue USING btree (due_at) WHERE ((due_at IS NOT NULL) AND (NOT is_paused));

ALTER INDEX public.attempt_pkey ATTACH PARTITION public.attempt_rest_pkey;

ALTER INDEX public.call_record_batch ATTACH PARTITION public.call_record_rest_batch_id_idx;

ALTER INDEX public.call_record_late ATTACH PARTITION public.call_record_rest_delivered_late_at_idx;

ALTER INDEX public.call_record_id ATTACH PARTITION public.call_record_rest_id_idx;

ALTER INDEX public.call_record_pkey ATTACH PARTITION public.call_record_rest_pkey;

ALTER INDEX public.delivery_account_newest ATTACH PARTITION public.delivery_rest_account_id_created_at_id_idx;

ALTER INDEX public.delivery_event ATTACH PARTITION public.delivery_rest_event_id_idx;

ALTER INDEX public.delivery_pkey ATTACH PARTITION public.delivery_rest_pkey;

ALTER INDEX public.delivery_webhook_newest ATTACH PARTITION public.delivery_rest_webhook_id_created_at_id_idx;

ALTER INDEX public.event_account_type ATTACH PARTITION public.event_rest_account_id_event_type_created_at_number_idx;

ALTER INDEX public.event_campaign_created ATTACH PARTITION public.event_rest_campaign_id_created_at_number_idx;

ALTER INDEX public.event_id ATTACH PARTITION public.event_rest_id_idx;

ALTER INDEX public.event_pkey ATTACH PARTITION public.event_rest_pkey;

ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.api_key(id);

ALTER TABLE ONLY public.account_switch
    ADD CONSTRAINT account_switch_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.alert_once
    ADD CONSTRAINT alert_once_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.alert_post
    ADD CONSTRAINT alert_post_recipient_id_fkey FOREIGN KEY (recipient_id) REFERENCES public.alert_recipient(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.alert_recipient
    ADD CONSTRAINT alert_recipient_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.announced_call
    ADD CONSTRAINT announced_call_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.brand_icon
    ADD CONSTRAINT brand_icon_logo_sha256_fkey FOREIGN KEY (logo_sha256) REFERENCES public.logo(sha256);

ALTER TABLE ONLY public.call_reason
    ADD CONSTRAINT call_reason_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.callback_config
    ADD CONSTRAINT callback_config_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.callback_config
    ADD CONSTRAINT callback_config_feature_set_id_fkey FOREIGN KEY (feature_set_id) REFERENCES public.feature_set(id) ON DELETE CASCADE;

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

ALTER TABLE ONLY public.campaign
    ADD CONSTRAINT campaign_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.campaign
    ADD CONSTRAINT campaign_feature_set_id_fkey FOREIGN KEY (feature_set_id) REFERENCES public.feature_set(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.console_session
    ADD CONSTRAINT console_session_acting_account_id_fkey FOREIGN KEY (acting_account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.console_session
    ADD CONSTRAINT console_session_member_id_fkey FOREIGN KEY (member_id) REFERENCES public.member(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.console_session
    ADD CONSTRAINT console_session_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES public.operator_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.department
    ADD CONSTRAINT department_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.edge
    ADD CONSTRAINT edge_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.event_counter
    ADD CONSTRAINT event_counter_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_call_reason_kept FOREIGN KEY (call_reason_id) REFERENCES public.call_reason(id);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_label_kept FOREIGN KEY (label_id, label_lives) REFERENCES public.label(id, lives);

ALTER TABLE ONLY public.feature_set
    ADD CONSTRAINT feature_set_process_id_fkey FOREIGN KEY (process_id) REFERENCES public.calling_process(id);

ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.file_draft
    ADD CONSTRAINT file_draft_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.handed_over
    ADD CONSTRAINT handed_over_member_id_fkey FOREIGN KEY (member_id) REFERENCES public.member(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.handed_over
    ADD CONSTRAINT handed_over_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES public.operator_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.handed_over
    ADD CONSTRAINT handed_over_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.console_session(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.known_browser
    ADD CONSTRAINT known_browser_member_id_fkey FOREIGN KEY (member_id) REFERENCES public.member(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.known_browser
    ADD CONSTRAINT known_browser_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES public.operator_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.known_device
    ADD CONSTRAINT known_device_member_id_fkey FOREIGN KEY (member_id) REFERENCES public.member(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.label
    ADD CONSTRAINT label_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.mailed_link
    ADD CONSTRAINT mailed_link_member_id_fkey FOREIGN KEY (member_id) REFERENCES public.member(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.mailed_link
    ADD CONSTRAINT mailed_link_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES public.operator_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_department_id_fkey FOREIGN KEY (department_id) REFERENCES public.department(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES public.calling_operation(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_process_id_fkey FOREIGN KEY (process_id) REFERENCES public.calling_process(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.number_code
    ADD CONSTRAINT number_code_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.number
    ADD CONSTRAINT number_feature_set_id_fkey FOREIGN KEY (feature_set_id) REFERENCES public.feature_set(id);

ALTER TABLE ONLY public.number_proof
    ADD CONSTRAINT number_proof_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.number_proof
    ADD CONSTRAINT number_proof_phone_number_fkey FOREIGN KEY (phone_number) REFERENCES public.number(phone_number) ON DELETE CASCADE;

ALTER TABLE ONLY public.number_proof
    ADD CONSTRAINT number_proof_request_id_fkey FOREIGN KEY (request_id) REFERENCES public.proof_request(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.possible_spoof
    ADD CONSTRAINT possible_spoof_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.proof_request
    ADD CONSTRAINT proof_request_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.record_day
    ADD CONSTRAINT record_day_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.registration
    ADD CONSTRAINT registration_app_id_fkey FOREIGN KEY (app_id) REFERENCES public.handset_app(id);

ALTER TABLE ONLY public.sign_in_code
    ADD CONSTRAINT sign_in_code_member_id_fkey FOREIGN KEY (member_id) REFERENCES public.member(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.signer_certificate
    ADD CONSTRAINT signer_certificate_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.upload
    ADD CONSTRAINT upload_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.upload_part
    ADD CONSTRAINT upload_part_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES public.upload(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.client_account(id);

ALTER TABLE ONLY public.webhook_outage
    ADD CONSTRAINT webhook_outage_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(id);

ALTER TABLE ONLY public.webhook_queue
    ADD CONSTRAINT webhook_queue_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(id);
