divert(-1)
dnl use_cw_file: reads the names of this host from /etc/mail/local-host-names, or from confCW_FILE.
define(`_CW_FILE_', `Fw`'confCW_FILE
')
