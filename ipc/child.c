/* child.c - see child.h. */
#include "child.h"

#include <signal.h>
#include <sodium.h>

#include "bus.h"
#include "log.h"
#include "sandbox.h"

void child_ignore_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

void child_start(const char *role)
{
    child_ignore_signals();
    log_init(role, LOG_LOGFMT, LOG_INFO, false);
    if (sodium_init() < 0) fatal("libsodium cannot be initialised");
    sandbox_close_fds_above(CTL_FD + 1, NULL, 0);
}

static void parse(struct slice text, struct settings *set)
{
    char err[CONF_ERR_SIZE];
    conf_defaults(settings_table, settings_count, set);
    if (conf_parse_text(settings_table, settings_count, set, "settings", (const char *)text.data,
                        text.len, err, sizeof err))
        fatal("settings from the master: %s", err);
}

void child_setup(const char *role, struct slice packet, uint32_t *records, struct settings *set)
{
    /* The master has resolved "auto" already: only it may ask what stderr is. */
    static const enum log_format formats[] = {[FORMAT_AUTO] = LOG_LOGFMT,
                                              [FORMAT_PRETTY] = LOG_PRETTY,
                                              [FORMAT_LOGFMT] = LOG_LOGFMT,
                                              [FORMAT_JSON] = LOG_JSON};
    struct cur c = cur_of(packet.data, packet.len);
    *records = cur_u32(&c);
    parse(cur_rest(&c), set);
    log_init(role, formats[set->log.format], (enum log_level)set->log.level,
             set->log.format == FORMAT_PRETTY && log_auto_colour());
}

void child_settings(struct slice text, struct settings *set)
{
    parse(text, set);
    log_set_level((enum log_level)set->log.level);
}
