-- The console finds a callback request by the number to call instead as it does by the receiver's: by the beginning of it.

CREATE INDEX callback_request_alternate ON callback_request (account_id, alternate_number COLLATE "C")
  WHERE alternate_number IS NOT NULL;
