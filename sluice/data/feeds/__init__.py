"""Sources of live events beside the log: Redis streams and Kafka topics, behind one port."""

from sluice.data.feeds.opening import Credentials, feed_credentials, open_source
from sluice.data.feeds.source import EventSource, FeedGap, Messages, SourceAway

__all__ = [
    "Credentials",
    "EventSource",
    "FeedGap",
    "Messages",
    "SourceAway",
    "feed_credentials",
    "open_source",
]
