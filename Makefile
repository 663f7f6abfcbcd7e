# make demo: a whole site in one minute.  make test: everything that can be tested here.  make install: see README.md.
PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo
# Packages have all of them: make FEATURES=ldap
FEATURES ?=

.PHONY: all demo test torture fuzz bench install uninstall

all:
	$(CARGO) build --release --locked --features '$(FEATURES)'

demo: all
	sh tests/site/demonstrate.sh target/release/sendmail

test:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked
	$(CARGO) test --locked --features ldap --lib --test suite ldap

# Random configurations, addresses and maps, then sessions over real configurations, then SMTP dialogues, ours against the
# original (root; see tests/oracle).
RANDOM_CASES ?= 100000
RANDOM_SEED ?= $(shell date +%s)
RANDOM_FIRST ?= 0
RANDOM_LINES ?= 20000
RANDOM_DIALOGUES ?= 1000
torture: all
	@echo "random cases: make torture RANDOM_SEED=$(RANDOM_SEED) tries the same ones; RANDOM_FIRST=N begins with case N"
	FUTAGO_CASES=$(RANDOM_CASES) FUTAGO_SEED=$(RANDOM_SEED) FUTAGO_FIRST=$(RANDOM_FIRST) \
	    FUTAGO_PROGRAM=$(CURDIR)/target/release/sendmail $(CARGO) test --locked --test suite random -- --nocapture
	python3 tests/oracle/random_bt.py -s $(RANDOM_SEED) -c $(RANDOM_LINES) '$(CURDIR)/target/release/sendmail'
	python3 tests/oracle/random_bs.py -s $(RANDOM_SEED) -c $(RANDOM_DIALOGUES) '$(CURDIR)/target/release/sendmail -bs -C {cf}'
	JAIL=$(CURDIR)/target/torture sh tests/site/jail.sh $(CURDIR)/target/release/sendmail $(CURDIR)/tests/site/kill.sh 200
	JAIL=$(CURDIR)/target/torture sh tests/site/jail.sh $(CURDIR)/target/release/sendmail $(CURDIR)/tests/site/hup.sh 100
	JAIL=$(CURDIR)/target/torture sh tests/site/jail.sh $(CURDIR)/target/release/sendmail $(CURDIR)/tests/site/abuse.sh long

# Ten minutes for each trial of tests/fuzz (needs `cargo install cargo-fuzz` and a C++ compiler); a finding ends it and is kept.
# What the fuzzer learns stays below target; a file worth keeping goes to tests/fuzz/corpus by hand.
FUZZ_SECONDS ?= 600
FUZZ_TRIALS ?= cf rule address map
fuzz:
	for trial in $(FUZZ_TRIALS); do \
	    mkdir -p target/fuzz/corpus/$$trial && \
	    RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none $$trial \
	        target/fuzz/corpus/$$trial tests/fuzz/corpus/$$trial -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
	        -rss_limit_mb=2048 || exit 1; \
	done

# Single decisions (any user), rules beside the original's, whole servers side by side (root, Debian 12); benches/README.md.
bench: all
	$(CARGO) bench --locked --bench engine
	python3 benches/rules.py target/release/sendmail
	sh benches/run.sh target/release/sendmail

# No build here: `make` as yourself, then `make install` as root.
install uninstall:
	sh etc/install.sh $@ target/release/sendmail '$(DESTDIR)' '$(PREFIX)'
