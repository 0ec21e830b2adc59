"""Other tile servers side by side with this one: CPU time per tile over the same scene."""
