divert(-1)
# use_ct_file: reads the names of trusted users, who may choose a sender with -f, from /etc/mail/trusted-users, or from
# confCT_FILE.
divert(_AT_HEAD_)dnl
_PART_`'dnl
Ft`'ifdef(`confCT_FILE', `confCT_FILE', `MAIL_SETTINGS_DIR`'trusted-users')
