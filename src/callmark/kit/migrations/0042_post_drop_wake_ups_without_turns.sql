-- Nobody takes wake-ups regardless of their owners any more.

DROP INDEX wake_up_due;
