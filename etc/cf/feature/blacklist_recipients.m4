divert(-1)
dnl blacklist_recipients: is the old name of blocklist_recipients.
FEATURE(`blocklist_recipients')
