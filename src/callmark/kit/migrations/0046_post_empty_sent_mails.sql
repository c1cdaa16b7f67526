-- The text of mails that were sent is not kept any longer: their links may still let someone in. From this step on mails
-- are encrypted while they wait, because no process is left that would send such a mail empty (domain/mail/sealing.py).

UPDATE mail SET plain = '', html = ''
WHERE state = 'sent';

-- Links of mails that were given up are asked for again where they are missed; a mail that waits goes out within days.
UPDATE mail SET plain = '', html = '', expires_at = created_at
WHERE state = 'failed' AND (
    plain LIKE '%/console/invitations/%' OR plain LIKE '%/console/reset/%'
    OR plain LIKE '%/console/alerts/confirm/%' OR subject LIKE '______ is your Callmark code'
  );
UPDATE mail SET expires_at = created_at + interval '7 days'
WHERE state = 'waiting' AND (plain LIKE '%/console/invitations/%' OR plain LIKE '%/console/alerts/confirm/%');
UPDATE mail SET expires_at = created_at + interval '1 hour'
WHERE state = 'waiting' AND plain LIKE '%/console/reset/%';
UPDATE mail SET expires_at = created_at + interval '10 minutes'
WHERE state = 'waiting' AND subject LIKE '______ is your Callmark code';
