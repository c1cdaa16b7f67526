-- Call Me Back and User Feedback.
SELECT 1;
