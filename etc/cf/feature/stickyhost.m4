divert(-1)
dnl stickyhost: treats user@this.host unlike user: it goes to the MAIL_HUB unchanged, or stays here without LOCAL_RELAY.
_ENABLE(`_STICKY_HOST_')
