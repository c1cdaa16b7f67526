-- Mail to be sent, and log downloads.
SELECT 1;
