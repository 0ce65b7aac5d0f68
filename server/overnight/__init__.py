"""A night without anybody there: the client is started, watched, ended and started again until the session is over."""
