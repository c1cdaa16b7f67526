-- Up to when call records were looked through for those left without an outcome (docs/decisions/0013-effects-shares-returns.md).

INSERT INTO count_mark (what, up_to_at, up_to_id) VALUES ('swept', '-infinity', '00000000-0000-0000-0000-000000000000');
COMMENT ON TABLE count_mark IS 'How far each job has counted into record_day, and (swept) looked for records left pending.';
