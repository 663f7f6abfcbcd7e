divert(-1)
dnl masquerade_envelope: masquerades the sender of the envelope, too.
_ENABLE(`_MASQUERADE_ENVELOPE_')
