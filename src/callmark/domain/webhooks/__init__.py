"""Where events are delivered: endpoints, deliveries, attempts."""
