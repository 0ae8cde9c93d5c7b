"""The settings of a study as types: the only place of a key of the configuration.

Each section is a class, each key a field with its description, unit and bounds. What a file or
command line gives is read (:mod:`differland.settings.rules`), refused with a message
(:mod:`differland.settings.messages`) and explained (:mod:`differland.settings.reference`) by them.
"""
