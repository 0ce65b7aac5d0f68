# Turns a title into a name for a file.
y/ABCDEFGHIJKLMNOPQRSTUVWXYZ/abcdefghijklmnopqrstuvwxyz/
s/[^a-z0-9]\{1,\}/-/g
s/^-//
s/-$//
