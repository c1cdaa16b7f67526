-- The code that appends an event makes its deliveries; where this trigger is still there, it finds them made.

DROP TRIGGER event_delivered ON event;
DROP FUNCTION deliver_event();
