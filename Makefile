# csce513fall24Msg - SPDX-License-Identifier: GPL-3.0-or-later
#
#   make            build everything into build/
#   make run        install what is missing, build, start the server
#   make test       install what is missing, build, run every test
#   make bench      ours beside other servers, measured (tests/bench/README.md)
#   make asan       the same tests under AddressSanitizer and UBSan
#   make screenshots   pictures of it, from real terminals, into docs/pictures
#   make demo       a server window and two clients in tmux
#   make install DESTDIR= PREFIX=   and uninstall
#
# One tree serves several flavours; each has a folder of its own below build/:
#   FLAVOUR=release (build/)   what people run
#   FLAVOUR=faults  (build/faults/)  release plus named crash points, for tests only
#   FLAVOUR=asan    (build/asan/)    faults plus AddressSanitizer and UBSan

NAME    := csce513fall24Msg
VERSION := 0.1.0
FLAVOUR ?= release
PREFIX  ?= /usr/local
PYTHON  := /usr/bin/python3
CC      ?= cc

BUILD.release := build
BUILD.faults  := build/faults
BUILD.asan    := build/asan
BUILD         := $(BUILD.$(FLAVOUR))

PACKAGES := build-essential pkg-config libsodium-dev libgcrypt20-dev libcmocka-dev libsqlite3-dev libreadline-dev libncurses-dev \
            libutf8proc-dev libinih-dev libjansson-dev libseccomp-dev libssl-dev tmux python3 python3-nacl \
            python3-cryptography mandoc sqlite3 clang libclang-rt-14-dev spin iproute2 nftables

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla
HARDEN   := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
LINKSAFE := -pie -Wl,-z,relro,-z,now
CPPFLAGS += -D_GNU_SOURCE -Iipc -DVERSION='"$(VERSION)"' -DNAME='"$(NAME)"' -MMD -MP
CFLAGS.release := -O2 -g $(HARDEN)
CFLAGS.faults  := -O2 -g $(HARDEN) -DFAULTS
CFLAGS.asan    := -O1 -g -fPIE -DFAULTS -fno-omit-frame-pointer -fsanitize=address,undefined \
                  -fno-sanitize-recover=undefined
LDFLAGS.asan   := -fsanitize=address,undefined
ALL_CFLAGS     := -std=gnu17 $(WARN) $(CFLAGS.$(FLAVOUR)) $(CFLAGS)
ALL_LDFLAGS    := $(LINKSAFE) $(LDFLAGS.$(FLAVOUR)) $(LDFLAGS)

objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)))

IPC_OBJ    := $(call objs,ipc/*.c)
BROKER_OBJ := $(call objs,ipc/broker/*.c)
WORKER_OBJ := $(call objs,worker/*.c)
MASTER_OBJ := $(call objs,master/*.c)
KEEPER_OBJ := $(call objs,master/keeper/*.c)
CTL_OBJ    := $(call objs,master/ctl/*.c)
SEALED_OBJ := $(call objs,client/sealed/*.c)
CLIENT_OBJ := $(call objs,client/*.c)
FACE_OBJ   := $(call objs,client/face/*.c client/face/window/*.c)
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT_BIN   := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
TOOL_SRC   := $(wildcard tests/tools/*.c)
TOOL_BIN   := $(TOOL_SRC:tests/tools/%.c=$(BUILD)/tools/%)

# The file named like a process holds main(); everything else of it can be linked into a test.
# An archive is made anew when its folder has lost a file, too.
LIB_IPC    := $(BUILD)/libipc.a
LIB_BROKER := $(BUILD)/libbroker.a
LIB_WORKER := $(BUILD)/libworker.a
LIB_MASTER := $(BUILD)/libmaster.a
LIB_KEEPER := $(BUILD)/libkeeper.a
LIB_CTL    := $(BUILD)/libctl.a
LIB_SEALED := $(BUILD)/libsealed.a
LIB_CLIENT := $(BUILD)/libclient.a
LIB_FACE   := $(BUILD)/libface.a
BROKER_MAIN := $(BUILD)/obj/ipc/broker/broker.o
WORKER_MAIN := $(BUILD)/obj/worker/worker.o
MASTER_MAIN := $(BUILD)/obj/master/master.o
KEEPER_MAIN := $(BUILD)/obj/master/keeper/keeper.o
CTL_MAIN    := $(BUILD)/obj/master/ctl/ctl.o
FACE_MAIN   := $(BUILD)/obj/client/face/main.o

PROGRAMS := $(BUILD)/$(NAME)d $(BUILD)/$(NAME)-worker $(BUILD)/$(NAME)-broker $(BUILD)/$(NAME)-keeper \
            $(BUILD)/$(NAME) $(BUILD)/$(NAME)ctl

.PHONY: all programs
all: programs
programs: $(PROGRAMS)

$(LIB_IPC):    ipc $(IPC_OBJ)
$(LIB_BROKER): ipc/broker $(filter-out $(BROKER_MAIN),$(BROKER_OBJ))
$(LIB_WORKER): worker $(filter-out $(WORKER_MAIN),$(WORKER_OBJ))
$(LIB_MASTER): master $(filter-out $(MASTER_MAIN),$(MASTER_OBJ))
$(LIB_KEEPER): master/keeper $(filter-out $(KEEPER_MAIN),$(KEEPER_OBJ))
$(LIB_CTL):    master/ctl $(filter-out $(CTL_MAIN),$(CTL_OBJ))
$(LIB_SEALED): client/sealed $(SEALED_OBJ)
$(LIB_CLIENT): client $(CLIENT_OBJ)
$(LIB_FACE):   client/face client/face/window $(filter-out $(FACE_MAIN),$(FACE_OBJ))
$(BUILD)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/$(NAME)d: $(MASTER_MAIN) $(LIB_MASTER) $(LIB_IPC)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^ -linih -ljansson -lsodium -lgcrypt
$(BUILD)/$(NAME)-worker: $(WORKER_MAIN) $(LIB_WORKER) $(LIB_IPC)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^ -linih -lsodium -lgcrypt -lseccomp
$(BUILD)/$(NAME)-keeper: $(KEEPER_MAIN) $(LIB_KEEPER) $(LIB_IPC)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^ -linih -lsodium -lgcrypt -lseccomp
$(BUILD)/$(NAME)-broker: $(BROKER_MAIN) $(LIB_BROKER) $(LIB_IPC)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^ -lsqlite3 -linih -ljansson -lsodium -lgcrypt -lseccomp -lpthread
$(BUILD)/$(NAME): $(FACE_MAIN) $(LIB_FACE) $(LIB_CLIENT) $(LIB_SEALED) $(LIB_IPC)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^ -lreadline -lncursesw -ltinfo -ljansson -lutf8proc -lsqlite3 -linih -lsodium -lgcrypt
$(BUILD)/$(NAME)ctl: $(CTL_MAIN) $(LIB_CTL) $(LIB_FACE) $(LIB_CLIENT) $(LIB_SEALED) $(LIB_IPC)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $^ -ljansson -lutf8proc -lsodium -lgcrypt

ALL_LIBS := $(LIB_CTL) $(LIB_FACE) $(LIB_CLIENT) $(LIB_SEALED) $(LIB_BROKER) $(LIB_WORKER) $(LIB_MASTER) $(LIB_KEEPER) $(LIB_IPC)
SYS_LIBS := -lreadline -lncursesw -ltinfo -lcmocka -lsqlite3 -linih -ljansson -lutf8proc -lsodium -lgcrypt -lseccomp -lpthread
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(ALL_LIBS)
	@mkdir -p $(@D)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $< $(ALL_LIBS) $(SYS_LIBS)
$(BUILD)/tools/%: $(BUILD)/obj/tests/tools/%.o $(ALL_LIBS)
	@mkdir -p $(@D)
	@echo '  LD $@'; $(CC) $(ALL_LDFLAGS) -o $@ $< $(ALL_LIBS) $(SYS_LIBS)

# They share the fuzzers' store and loop.
$(BUILD)/obj/tests/unit/test_refuse.o $(BUILD)/obj/tests/unit/test_group.o $(BUILD)/obj/tests/unit/test_blobs.o: CPPFLAGS += -Iipc/broker -Itests/fuzz

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC $@'; $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

include tests/powercut/rules.mk
include tests/fuzz/rules.mk
include tests/chaos/rules.mk
include tests/bench/rules.mk

.PRECIOUS: $(BUILD)/obj/%.o
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: deps run test check unit e2e reference asan clean
deps:
	@missing=; for p in $(PACKAGES); do \
	    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	    echo "installing:$$missing"; as=; [ "$$(id -u)" = 0 ] || as=sudo; \
	    $$as apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends $$missing; fi

# What is built after `make deps` must see what it installed: hence a make of its own.
run: deps
	@$(MAKE) --no-print-directory programs
	$(BUILD)/$(NAME)d conf/$(NAME).conf

test: deps
	@$(MAKE) --no-print-directory check

# Everything that must hold, without installing anything.
check: programs unit reference fuzz-replay bench-programs
	@$(MAKE) --no-print-directory FLAVOUR=faults programs
	$(PYTHON) tests/man_check $(BUILD)
	$(PYTHON) tests/bench/check_figures.py
	tests/e2e/run -j 4 build/faults
	tests/e2e/run -j 4 $(BUILD) test_crowd_tool.test_stored,test_kill.test_worker_killed,test_cli
	tests/e2e/run -j 1 $(BUILD) test_crowd_tool.test_idle # alone: pages that other servers share are not counted as its own
	tests/demo $(BUILD) --check
	tests/demo-crash $(BUILD) --check
	@$(MAKE) --no-print-directory powercut POWERCUT_ROUNDS=100

unit: $(UNIT_BIN) $(TOOL_BIN)
	@tests/unit/run $(UNIT_BIN)

# The second implementation checks the document, and itself against the published vectors.
reference:
	$(PYTHON) tests/reference/check_example.py
	$(PYTHON) tests/reference/check_vectors.py
	$(PYTHON) tests/reference/check_tables.py
	$(PYTHON) tests/reference/check_security.py
	$(PYTHON) tests/reference/sealed_vectors.py
	$(PYTHON) tests/reference/sealed_log.py
	$(PYTHON) tests/tools/words.py --check ipc/words_list.c
	tests/secret_compare

# The ratchet against the second implementation, longer than the frozen 100,000 messages.
.PHONY: ratchet-model
MESSAGES ?= 1000000
ratchet-model: $(BUILD)/unit/test_sealed_model
	$(PYTHON) tests/reference/sealed_ratchet.py $(MESSAGES) $(BUILD)/ratchet.json
	TEST_RATCHET=$(BUILD)/ratchet.json $(BUILD)/unit/test_sealed_model

# The same suite under AddressSanitizer and UBSan.
asan: deps
	@$(MAKE) --no-print-directory FLAVOUR=asan programs unit bench-programs
	tests/e2e/run -j 4 build/asan

# --- installing: relocatable, so DESTDIR may be kept as it is ---

INSTALL    ?= install
BINDIR     := $(DESTDIR)$(PREFIX)/bin
LIBEXECDIR := $(DESTDIR)$(PREFIX)/libexec/$(NAME)
MANDIR     := $(DESTDIR)$(PREFIX)/share/man
DOCDIR     := $(DESTDIR)$(PREFIX)/share/doc/$(NAME)
BASHDIR    := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR     := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR    := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DOCS       := README.md docs/COPYING docs/processes.md docs/protocol.md docs/groups.md docs/files.md docs/sealed.md docs/security.md docs/store.md docs/moderation.md docs/repair.md docs/chaos.md docs/report.md \
              docs/performance.md conf/$(NAME).conf

.PHONY: install uninstall
install: programs
	$(INSTALL) -d $(BINDIR) $(LIBEXECDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man8 $(DOCDIR)
	$(INSTALL) -m 755 $(BUILD)/$(NAME) $(BUILD)/$(NAME)d $(BUILD)/$(NAME)ctl $(BINDIR)
	$(INSTALL) -m 755 $(BUILD)/$(NAME)-worker $(BUILD)/$(NAME)-broker $(BUILD)/$(NAME)-keeper \
	    $(LIBEXECDIR)
	ln -sf $(NAME) $(BINDIR)/csmsg
	ln -sf $(NAME)d $(BINDIR)/csmsgd
	ln -sf $(NAME)ctl $(BINDIR)/csmsgctl
	$(INSTALL) -m 644 docs/man/$(NAME).1 docs/man/$(NAME)ctl.1 $(MANDIR)/man1
	$(INSTALL) -m 644 docs/man/$(NAME).conf.5 $(MANDIR)/man5
	$(INSTALL) -m 644 docs/man/$(NAME)d.8 $(MANDIR)/man8
	ln -sf $(NAME).1 $(MANDIR)/man1/csmsg.1
	ln -sf $(NAME)ctl.1 $(MANDIR)/man1/csmsgctl.1
	ln -sf $(NAME)d.8 $(MANDIR)/man8/csmsgd.8
	$(INSTALL) -m 644 $(DOCS) $(DOCDIR)
	for shell in bash zsh fish; do $(BUILD)/$(NAME) completion $$shell > $(BUILD)/completion.$$shell || exit 1; done
	$(INSTALL) -d $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	$(INSTALL) -m 644 $(BUILD)/completion.bash $(BASHDIR)/$(NAME)
	$(INSTALL) -m 644 $(BUILD)/completion.zsh $(ZSHDIR)/_$(NAME)
	$(INSTALL) -m 644 $(BUILD)/completion.fish $(FISHDIR)/$(NAME).fish
	ln -sf $(NAME) $(BASHDIR)/csmsg
	ln -sf $(NAME).fish $(FISHDIR)/csmsg.fish

# Takes away what install put there, and nothing else.
uninstall:
	rm -f $(addprefix $(BINDIR)/,$(NAME) $(NAME)d $(NAME)ctl csmsg csmsgd csmsgctl)
	rm -f $(addprefix $(LIBEXECDIR)/,$(NAME)-worker $(NAME)-broker $(NAME)-keeper)
	rm -f $(addprefix $(MANDIR)/man1/,$(NAME).1 $(NAME)ctl.1 csmsg.1 csmsgctl.1)
	rm -f $(MANDIR)/man5/$(NAME).conf.5 $(MANDIR)/man8/$(NAME)d.8 $(MANDIR)/man8/csmsgd.8
	rm -f $(addprefix $(BASHDIR)/,$(NAME) csmsg) $(ZSHDIR)/_$(NAME) $(addprefix $(FISHDIR)/,$(NAME).fish csmsg.fish)
	rm -f $(addprefix $(DOCDIR)/,$(notdir $(DOCS)))
	-rmdir $(LIBEXECDIR) $(DOCDIR)

# Pictures of the running system; what draws them is needed for nothing else.
.PHONY: screenshots
PICTURE_PACKAGES := python3-pil fonts-dejavu-core tmux
screenshots: programs
	@$(MAKE) --no-print-directory deps PACKAGES="$(PICTURE_PACKAGES)"
	tests/screenshots/run $(BUILD) docs/pictures

.PHONY: demo demo-crash model
demo: programs
	@tests/demo $(BUILD)
# The same, and a worker is killed on screen.
demo-crash: programs
	@tests/demo-crash $(BUILD)
# The delivery protocol with crashes at every hop, searched exhaustively.
model:
	tests/model/run

clean:
	rm -rf build
