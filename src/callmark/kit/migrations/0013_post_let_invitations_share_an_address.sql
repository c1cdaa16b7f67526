-- An address belongs to the one member who uses it. Several accounts may invite it meanwhile, so that none of them
-- learns from the answer whether another has it.

CREATE UNIQUE INDEX member_email_in_use ON member (lower(email)) WHERE state = 'active' OR password_hash IS NOT NULL;
CREATE UNIQUE INDEX member_email_of_account ON member (account_id, lower(email));
CREATE INDEX member_email ON member (lower(email));
DROP INDEX member_email_unique;
