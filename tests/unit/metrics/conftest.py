"""A first call compiles a kernel, and a busy machine is no failure: no deadlines."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
