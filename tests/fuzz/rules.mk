# rules.mk - the fuzzers. Included by the Makefile.
#
#   make fuzz DURATION=120   every target with clang and libFuzzer, DURATION seconds of work in all, two at a time
#   make fuzz-replay         every file of tests/fuzz/corpus and tests/fuzz/found once, with the ordinary compiler
#
# A target NAME is tests/fuzz/fuzz_NAME.c; its seeds are in tests/fuzz/corpus/NAME/; found/NAME/ are inputs
# that broke something once. What a run finds is kept below $(BUILD)/fuzz: crashes/, log/ and corpus/,
# which grows from run to run.
DURATION   ?= 120
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_DIR   := $(BUILD)/fuzz
FUZZER_BIN := $(FUZZ_NAMES:%=$(BUILD)/fuzzer/%)
REPLAY_BIN := $(FUZZ_NAMES:%=$(BUILD)/replay/%)
REPLAY_OBJ := $(BUILD)/obj/tests/fuzz/replay.o

# Worker and broker both have a session_find(): each target links its own.
FUZZ_LIBS        = $(LIB_CLIENT) $(LIB_SEALED) $(LIB_BROKER) $(LIB_IPC)
FUZZ_LIBS.worker = $(LIB_WORKER) $(LIB_IPC)
FUZZ_LIBS.adopt  = $(LIB_WORKER) $(LIB_IPC)
FUZZ_LIBS.client_config = $(LIB_FACE) $(FUZZ_LIBS)
fuzz_libs        = $(or $(FUZZ_LIBS.$(1)),$(FUZZ_LIBS))

# Without pointer-overflow: it minds NULL + 0, which an empty buffer does.
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize=pointer-overflow
FUZZ_CFLAGS   := -O1 -g -fPIE -fno-omit-frame-pointer $(FUZZ_SANITIZE) -fno-sanitize-recover=undefined

$(BUILD)/obj/tests/fuzz/%.o: CPPFLAGS += -Iipc/broker -Iworker -Iclient

define FUZZ_RULE
$(BUILD)/replay/$(1): $(BUILD)/obj/tests/fuzz/fuzz_$(1).o $(REPLAY_OBJ) $(call fuzz_libs,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(SYS_LIBS)
$(BUILD)/fuzzer/$(1): $(BUILD)/obj/tests/fuzz/fuzz_$(1).o $(call fuzz_libs,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -fsanitize=fuzzer -o $$@ $$^ $$(SYS_LIBS)
endef
$(foreach name,$(FUZZ_NAMES),$(eval $(call FUZZ_RULE,$(name))))

.PHONY: fuzz fuzzers fuzz-replay
fuzzers: $(FUZZER_BIN)
fuzz:
	@$(MAKE) --no-print-directory -j2 CC=clang FLAVOUR=fuzz BUILD=$(FUZZ_DIR) LDFLAGS='$(FUZZ_SANITIZE)' \
	    CFLAGS='$(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link' fuzzers
	tests/fuzz/run $(FUZZ_DIR) $(DURATION) $(FUZZ_NAMES)

fuzz-replay: $(REPLAY_BIN)
	@for name in $(FUZZ_NAMES); do \
	    printf '%-12s ' $$name; $(BUILD)/replay/$$name tests/fuzz/corpus/$$name tests/fuzz/found/$$name || exit 1; done
