-- Log downloads.
SELECT 1;
