"""The front desk: definitions, automation, deployment and the command line."""
