# make demo: a whole site in one minute.  make test: everything that can be tested here.  make install: see README.md.
PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo

.PHONY: all demo test torture bench install uninstall

all:
	$(CARGO) build --release --locked

demo: all
	sh tests/site/demonstrate.sh target/release/sendmail

test:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked

torture: all
	JAIL=$(CURDIR)/target/torture sh tests/site/jail.sh $(CURDIR)/target/release/sendmail $(CURDIR)/tests/site/kill.sh 200
	JAIL=$(CURDIR)/target/torture sh tests/site/jail.sh $(CURDIR)/target/release/sendmail $(CURDIR)/tests/site/hup.sh 100
	JAIL=$(CURDIR)/target/torture sh tests/site/jail.sh $(CURDIR)/target/release/sendmail $(CURDIR)/tests/site/abuse.sh long

# Single decisions first (any user), then whole servers side by side (root, Debian 12; see benches/README.md).
bench: all
	$(CARGO) bench --locked
	sh benches/run.sh target/release/sendmail

# No build here: `make` as yourself, then `make install` as root.
install uninstall:
	sh etc/install.sh $@ target/release/sendmail '$(DESTDIR)' '$(PREFIX)'
