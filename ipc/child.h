/*
 * child.h - what every process that the master starts does first.
 */
#ifndef CHILD_H
#define CHILD_H

#include "buf.h"
#include "settings.h"

/*
 * SIGINT, SIGTERM and SIGHUP are ignored: Ctrl-C in the server window, or a signal to the whole process group,
 * reaches every process, and the master decides what it means. Said before the program is started, too: it stays.
 */
void child_ignore_signals(void);

/* Signals, a first log, libsodium, and no descriptor but 0, 1, 2 and CTL_FD. */
void child_start(const char *role);

/* Fields of CTL_SETUP; sets up the log as the settings say. Fatal when malformed. */
void child_setup(const char *role, struct slice packet, uint32_t *records, struct settings *set);

/* Text of CTL_SETTINGS; the level of the log changes at once. */
void child_settings(struct slice text, struct settings *set);

#endif
