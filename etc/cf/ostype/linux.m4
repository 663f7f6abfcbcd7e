divert(-1)
# linux: paths and mailers of Linux.
define(`LOCAL_MAILER_PATH', `/usr/bin/procmail')
