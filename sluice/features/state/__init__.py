"""The feature state and what feeds and asks it: events, requests, replays of the log, files."""
