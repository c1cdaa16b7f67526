-- The code that appends an event makes its deliveries; where this trigger is still there, it finds them made.

DROP TRIGGER event_delivered ON event;
-- squawk-ignore ban-drop-function
DROP FUNCTION deliver_event();
