"""A closed loop whose truth is known: people, providers, items, advertisers and a ranker that learns from its own log.

What is shown today decides who comes tomorrow and what is published then. Twins (`twin`) branch from one
state and share their randomness (`draws`), so that the effect of a policy is known rather than estimated.
"""
