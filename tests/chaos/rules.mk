# rules.mk - the chaos test: kills everything under load (see chaos.h). Included by the Makefile.
#
#   make chaos [DURATION=60] [SEED=n] [CHAOS_ARGS='--clients 400']   any FLAVOUR
#   make chaos-lossy [LOSS=2] and as above      the same over a link that loses LOSS percent of its packets; as root
#   make repair [CHAOS_ARGS='--idle 10000 --clients 200']            how long a worker's death is felt
CHAOS_OBJ := $(call objs,tests/chaos/*.c)
CHAOS_BIN := $(BUILD)/chaos/chaos

# Other rules have a default for DURATION; here only what was asked for counts.
CHAOS_SECONDS := $(if $(filter undefined file,$(origin DURATION)),60,$(DURATION))

$(CHAOS_BIN): $(CHAOS_OBJ) $(LIB_CLIENT) $(LIB_SEALED) $(LIB_IPC)
	@mkdir -p $(@D)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^ -lsqlite3 -ljansson -lutf8proc -lsodium -lgcrypt

LOSS := 2
CHAOS := $(CHAOS_BIN) --duration $(CHAOS_SECONDS) $(if $(SEED),--seed $(SEED)) $(CHAOS_ARGS)
# Builds for tests log every seal: no number may serve two plaintexts under one key.
SEALS := $(abspath $(BUILD)/chaos/seals)
ifneq ($(FLAVOUR),release)
CHAOS_BEGIN := rm -f $(SEALS); CSMSG_SEALS=$(SEALS)
CHAOS_END := && $(PYTHON) tests/tools/seals.py $(SEALS)
endif

.PHONY: chaos chaos-lossy repair
chaos: programs $(CHAOS_BIN)
	$(CHAOS_BEGIN) $(CHAOS) $(CHAOS_END)
chaos-lossy: programs $(CHAOS_BIN)
	$(CHAOS_BEGIN) tests/chaos/lossy $(LOSS) $(CHAOS) $(CHAOS_END)
repair: programs $(CHAOS_BIN)
	$(CHAOS_BIN) repair $(CHAOS_ARGS)
