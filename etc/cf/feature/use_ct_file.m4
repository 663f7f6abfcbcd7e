divert(-1)
dnl use_ct_file: reads the names of trusted users, who may choose a sender with -f, from /etc/mail/trusted-users, or from
dnl confCT_FILE.
define(`_CT_FILE_', `Ft`'confCT_FILE
')
