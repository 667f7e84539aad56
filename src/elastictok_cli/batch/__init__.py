"""Many files at once, with a report.

`plan` finds the files, `work` does one, `engine` and `cluster` spread the work, `run` is the loop, `results` the
report.
"""
