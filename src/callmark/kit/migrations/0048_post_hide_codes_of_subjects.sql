-- A subject is never encrypted and is kept for weeks. Codes stand in the text alone from now on.

UPDATE mail SET subject = 'Your Callmark sign-in code'
WHERE subject LIKE '______ is your Callmark code';
