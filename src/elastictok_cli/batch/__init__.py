"""Many files: what there is to do (`plan`), one piece of it (`work`), who does it (`engine`, `cluster`), how it went
(`results`), and the loop over all (`run`)."""
