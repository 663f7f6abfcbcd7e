divert(-1)
dnl use_client_ptr: gives check_relay the name that the address of the client points to, verified or not.
_ENABLE(`_USE_CLIENT_PTR_')
