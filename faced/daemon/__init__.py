"""The service: threads, signals and the schedule of `faced run`."""
