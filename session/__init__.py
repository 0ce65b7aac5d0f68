"""One contract at one base commit: program, journal, judge, budget, repository."""
