# Turns a title into a name for a file.
s/ /-/g
