-- Call reasons, structure, feature sets, numbers, and the jobs that list and delist them.

CREATE TABLE call_reason (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  text text NOT NULL,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX call_reason_text_unique ON call_reason (account_id, lower(text));

-- A label that something shows stays: what refers to it refers to (id, lives), so that it cannot be marked deleted.
-- A business has few labels, so the table is rewritten and its index built at once.
-- squawk-ignore-file adding-field-with-default, constraint-missing-not-valid, disallowed-unique-constraint
ALTER TABLE label ADD COLUMN lives boolean NOT NULL GENERATED ALWAYS AS (deleted_at IS NULL) STORED,
  ADD CONSTRAINT label_lives UNIQUE (id, lives);

-- structure ----------------------------------------------------------------------------------------------------------

CREATE TABLE department (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  name text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX department_name_unique ON department (account_id, lower(name));

CREATE TABLE calling_operation (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  department_id uuid NOT NULL REFERENCES department (id),
  catalogue_id uuid NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX calling_operation_once ON calling_operation (department_id, catalogue_id);
CREATE INDEX calling_operation_account ON calling_operation (account_id);
COMMENT ON TABLE calling_operation IS 'An operation of a department, chosen from the catalogue (domain/structure/catalogue.py), which names it.';

CREATE TABLE calling_process (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  operation_id uuid NOT NULL REFERENCES calling_operation (id),
  parent_id uuid REFERENCES calling_process (id),
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT calling_process_not_its_own_parent CHECK (parent_id <> id)
);
CREATE UNIQUE INDEX calling_process_name_unique ON calling_process (operation_id, parent_id, lower(name)) NULLS NOT DISTINCT;
CREATE INDEX calling_process_parent ON calling_process (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX calling_process_account ON calling_process (account_id);
COMMENT ON TABLE calling_process IS 'Processes, and (parent_id set) sub-processes, which are one level deep.';

CREATE TABLE feature_set (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  process_id uuid REFERENCES calling_process (id),
  is_number_group boolean NOT NULL DEFAULT false,
  name text NOT NULL,
  description text NOT NULL,
  state text NOT NULL,
  phone_type text NOT NULL,
  label_id uuid,
  label_lives boolean NOT NULL DEFAULT true CONSTRAINT feature_set_label_lives CHECK (label_lives),
  call_reason_id uuid CONSTRAINT feature_set_call_reason_kept REFERENCES call_reason (id),
  call_me_back boolean NOT NULL,
  survey boolean NOT NULL,
  number_count bigint NOT NULL DEFAULT 0,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT feature_set_label_kept FOREIGN KEY (label_id, label_lives) REFERENCES label (id, lives),
  CONSTRAINT feature_set_state CHECK (state IN ('draft', 'published', 'unpublished')),
  CONSTRAINT feature_set_phone_type CHECK (phone_type IN ('verified', 'priority')),
  CONSTRAINT feature_set_published_has_label CHECK (state <> 'published' OR label_id IS NOT NULL),
  CONSTRAINT feature_set_or_number_group CHECK (is_number_group = (process_id IS NULL)),
  CONSTRAINT feature_set_number_count CHECK (number_count >= 0)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX feature_set_name_unique ON feature_set (account_id, process_id, lower(name)) NULLS NOT DISTINCT;
CREATE INDEX feature_set_account_newest ON feature_set (account_id, created_at DESC, id DESC);
CREATE INDEX feature_set_process ON feature_set (process_id);
CREATE INDEX feature_set_label ON feature_set (label_id);
CREATE INDEX feature_set_call_reason ON feature_set (call_reason_id);
COMMENT ON COLUMN feature_set.process_id IS 'The process or sub-process it hangs on; null for a number group.';
COMMENT ON COLUMN feature_set.label_lives IS 'Always true: half of the reference that keeps its label from being deleted.';
COMMENT ON COLUMN feature_set.is_number_group IS 'Holds numbers brought over from an older console, outside the structure; never shown by the API.';
COMMENT ON COLUMN feature_set.number_count IS 'Rows of number in it, kept in the transactions that change them.';

-- numbers ------------------------------------------------------------------------------------------------------------

CREATE TABLE number (
  phone_number text COLLATE "C" PRIMARY KEY,
  account_id uuid NOT NULL,
  feature_set_id uuid NOT NULL REFERENCES feature_set (id),
  phone_type text NOT NULL,
  state text NOT NULL,
  why text,
  job_id uuid,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT number_state CHECK (state IN ('pending', 'listed', 'delisting', 'failed')),
  CONSTRAINT number_phone_type CHECK (phone_type IN ('verified', 'priority')),
  CONSTRAINT number_failed_says_why CHECK ((state = 'failed') = (why IS NOT NULL))
) WITH (fillfactor = 90);
CREATE INDEX number_account_newest ON number (account_id, created_at DESC, phone_number DESC) INCLUDE (feature_set_id);
CREATE INDEX number_feature_set_newest ON number (feature_set_id, created_at DESC, phone_number DESC);
CREATE INDEX number_job ON number (job_id, phone_number) WHERE state IN ('pending', 'delisting');
CREATE INDEX number_account_unlisted ON number (account_id, state, created_at DESC, phone_number DESC) WHERE state <> 'listed';
COMMENT ON COLUMN number.job_id IS 'The job that works on it while it is pending or delisting; null otherwise.';

CREATE TABLE listing_job (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  feature_set_id uuid NOT NULL,
  kind text NOT NULL,
  state text NOT NULL,
  number_count integer NOT NULL,
  done_count integer NOT NULL DEFAULT 0,
  failed_count integer NOT NULL DEFAULT 0,
  requested_by_email text NOT NULL,
  requested_at timestamptz NOT NULL,
  reviewed_by_email text,
  reviewed_at timestamptz,
  why text,
  ended_at timestamptz,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz,
  CONSTRAINT listing_job_kind CHECK (kind IN ('publish', 'delist')),
  CONSTRAINT listing_job_state CHECK (state IN ('in_review', 'running', 'ended'))
) WITH (fillfactor = 70);
CREATE INDEX listing_job_due ON listing_job (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX listing_job_account_newest ON listing_job (account_id, requested_at DESC, id DESC);
CREATE INDEX listing_job_in_review ON listing_job (requested_at) WHERE state = 'in_review';
COMMENT ON COLUMN listing_job.why IS 'Why a reviewer rejected it; its numbers then become failed instead of listed.';
