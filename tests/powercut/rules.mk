# rules.mk - the power-cut test: a preloaded disk and its victims (see run). Included by the Makefile.
#
# A victim NAME is tests/powercut/NAME.c; list it here and in run's VICTIMS.
POWERCUT_VICTIMS := broker client
POWERCUT_BIN := $(BUILD)/powercut/shim.so $(POWERCUT_VICTIMS:%=$(BUILD)/powercut/%)
POWERCUT_ROUNDS ?= 100

# Not with a sanitizer: its run-time library wants to be loaded before any other.
$(BUILD)/powercut/shim.so: tests/powercut/shim.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu17 $(WARN) -O2 -g -fPIC -shared -o $@ $< -ldl
$(BUILD)/powercut/%: $(BUILD)/obj/tests/powercut/%.o $(ALL_LIBS)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $< $(ALL_LIBS) $(SYS_LIBS)

.PHONY: powercut
powercut: $(POWERCUT_BIN)
	tests/powercut/run $(BUILD) $(POWERCUT_ROUNDS)
