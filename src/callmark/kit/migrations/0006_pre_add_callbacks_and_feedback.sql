-- Call Me Back and User Feedback.

-- callbacks ----------------------------------------------------------------------------------------------------------

CREATE TABLE callback_config (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  feature_set_id uuid NOT NULL CONSTRAINT callback_config_one_each UNIQUE REFERENCES feature_set (id) ON DELETE CASCADE,
  name text NOT NULL,
  slot_picker boolean NOT NULL,
  time_zone text NOT NULL,
  hours text NOT NULL,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT callback_config_slots_have_hours CHECK (hours <> '' OR NOT slot_picker)
);
CREATE INDEX callback_config_account ON callback_config (account_id);
COMMENT ON COLUMN callback_config.time_zone IS 'The IANA name of the one time zone that hours are in.';
COMMENT ON COLUMN callback_config.hours IS 'Business hours as people write them: mon-fri 10:00-14:00,15:00-18:00; sat 10:00-13:00.';

CREATE TABLE callback_request (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  feature_set_id uuid NOT NULL,
  feature_set_name text NOT NULL,
  is_number_group boolean NOT NULL,
  business_number text COLLATE "C" NOT NULL,
  receiver_number text COLLATE "C" NOT NULL,
  request_id uuid NOT NULL,
  requested_at timestamptz NOT NULL,
  is_interested boolean NOT NULL,
  is_sim_unknown boolean NOT NULL,
  alternate_number text,
  slot_starts_at timestamptz,
  config_name text NOT NULL,
  state text NOT NULL,
  handled_by_email text,
  handled_at timestamptz,
  CONSTRAINT callback_request_once UNIQUE (receiver_number, request_id),
  CONSTRAINT callback_request_state CHECK (state IN ('new', 'taken', 'done')),
  CONSTRAINT callback_request_handled CHECK
    ((handled_by_email IS NULL) = (handled_at IS NULL) AND (handled_at IS NULL) = (state = 'new' OR NOT is_interested)),
  CONSTRAINT callback_request_interested CHECK (is_interested OR (state = 'done' AND slot_starts_at IS NULL))
) WITH (fillfactor = 90);
CREATE INDEX callback_request_account_newest ON callback_request (account_id, requested_at DESC, id DESC);
CREATE INDEX callback_request_to_do ON callback_request (account_id, requested_at DESC, id DESC) WHERE state <> 'done';
CREATE INDEX callback_request_requested ON callback_request (requested_at);
COMMENT ON TABLE callback_request IS 'Names as they were when it was asked, so that it outlives its feature set.';
COMMENT ON COLUMN callback_request.request_id IS 'The handset''s own id; repeated, it changes nothing.';

-- feedback -----------------------------------------------------------------------------------------------------------

CREATE TABLE campaign (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  feature_set_id uuid NOT NULL REFERENCES feature_set (id) ON DELETE CASCADE,
  name text NOT NULL,
  campaign_type text NOT NULL,
  asks_answered boolean NOT NULL,
  asks_missed boolean NOT NULL,
  questions json NOT NULL,
  state text NOT NULL,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  live_at timestamptz,
  ended_at timestamptz,
  CONSTRAINT campaign_type_known CHECK (campaign_type IN ('call_rating', 'questions')),
  CONSTRAINT campaign_asks_after_something CHECK (asks_answered OR asks_missed),
  CONSTRAINT campaign_state CHECK (state IN ('draft', 'live', 'ended')),
  CONSTRAINT campaign_live CHECK ((live_at IS NULL) = (state = 'draft')),
  CONSTRAINT campaign_ended CHECK ((ended_at IS NULL) = (state <> 'ended'))
);
CREATE INDEX campaign_account_newest ON campaign (account_id, created_at DESC, id DESC);
CREATE INDEX campaign_feature_set ON campaign (feature_set_id);
CREATE UNIQUE INDEX campaign_one_live_answered ON campaign (feature_set_id) WHERE state = 'live' AND asks_answered;
CREATE UNIQUE INDEX campaign_one_live_missed ON campaign (feature_set_id) WHERE state = 'live' AND asks_missed;
COMMENT ON COLUMN campaign.questions IS 'In their order: id, text, kind, options. Never changed once the campaign is live.';

CREATE TABLE feedback (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  campaign_id uuid NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
  receiver_number text COLLATE "C" NOT NULL,
  call_id uuid NOT NULL,
  business_number text COLLATE "C" NOT NULL,
  call_type text NOT NULL,
  responded_at timestamptz NOT NULL,
  responses json NOT NULL,
  CONSTRAINT feedback_once_a_call UNIQUE (receiver_number, call_id),
  CONSTRAINT feedback_call_type CHECK (call_type IN ('answered', 'missed'))
);
CREATE INDEX feedback_campaign_newest ON feedback (campaign_id, responded_at DESC, id DESC);
COMMENT ON COLUMN feedback.responses IS 'As the event shows them: question_id, question, answer, in the order of the questions.';
