-- Handsets are told when an account is suspended or active again (contract D51): a row is the work of telling them.

CREATE TABLE account_switch (
  account_id uuid PRIMARY KEY REFERENCES client_account (id),
  switched_at timestamptz NOT NULL,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
) WITH (fillfactor = 80);
CREATE INDEX account_switch_due ON account_switch (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE account_switch IS 'Accounts that were suspended or made active again, when last; due while their handsets are to be told.';
