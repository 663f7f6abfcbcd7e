divert(-1)
# use_cw_file: reads the names of this host from /etc/mail/local-host-names, or from confCW_FILE.
divert(_AT_HEAD_)dnl
_PART_`'dnl
Fw`'ifdef(`confCW_FILE', `confCW_FILE', `MAIL_SETTINGS_DIR`'local-host-names')
