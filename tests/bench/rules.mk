# rules.mk - measuring: ours and what people would pick instead (see README.md here). Included by the Makefile.
#
#   make bench [PEERS="nats-tls inspircd"] [SCENARIOS="S2 S3"] [ROUNDS=3] [SECONDS=4]
#   make bench-deps      installs the peers and what draws the plot (Debian)
#   make bench-files    a file between two clients beside scp and cp, and chat beside it
#   make bench-report    docs/performance.md and its plot from the newest results
BENCH_DEPS := ngircd inspircd mosquitto nats-server prosody openssl python3-matplotlib linux-perf openssh-server openssh-client
BENCH_OBJ  := $(filter-out %/relay.o,$(call objs,tests/bench/*.c))
BENCH_BIN  := $(BUILD)/bench/load $(BUILD)/bench/relay
ROUNDS ?= 3

$(BUILD)/bench/load: $(BENCH_OBJ) $(LIB_CLIENT) $(LIB_SEALED) $(LIB_IPC)
	@mkdir -p $(@D)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto -ljansson -lsodium -lgcrypt
$(BUILD)/bench/relay: $(BUILD)/obj/tests/bench/relay.o $(LIB_IPC)
	@mkdir -p $(@D)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^

# SECONDS is a variable of some shells: here only what was asked for counts.
BENCH_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),4)

.PHONY: bench bench-deps bench-files bench-report bench-programs
bench-programs: $(BENCH_BIN)
bench: programs bench-programs
	$(PYTHON) tests/bench/bench --build $(BUILD) --rounds $(ROUNDS) --seconds $(BENCH_SECONDS) \
	    $(if $(PEERS),--peers "$(PEERS)") $(if $(SCENARIOS),--scenarios "$(SCENARIOS)")
bench-files: programs
	$(PYTHON) tests/bench/files --build $(BUILD) --rounds $(ROUNDS)
bench-report:
	$(PYTHON) tests/bench/report $(BUILD)/bench
bench-deps:
	tests/bench/deps $(BENCH_DEPS)
