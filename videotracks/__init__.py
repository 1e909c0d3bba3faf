"""The work itself: functions and small classes on arrays, tables and frames. No Dagster in here.

Belongs here: everything that can be called from a notebook without an orchestrator.
Does not belong here: assets, resources, configuration from the environment.
"""
