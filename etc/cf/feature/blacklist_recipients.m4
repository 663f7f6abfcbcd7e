divert(-1)
# blacklist_recipients: is the old name of blocklist_recipients.
FEATURE(`blocklist_recipients')
