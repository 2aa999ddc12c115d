"""The web server: routes, guard, events."""
