/*
 * command_files.h - the commands of the conversation that are about files, and what it says of transfers.
 */
#ifndef FACE_COMMAND_FILES_H
#define FACE_COMMAND_FILES_H

#include "chat.h"

void cmd_send(struct chat *c, const char *rest);
void cmd_get(struct chat *c, const char *rest);
void cmd_files(struct chat *c, const char *rest);
void cmd_decline(struct chat *c, const char *rest);

void files_event(struct chat *c, const struct client_file_event *e);
/* Fetches what the rules say. */
void files_accept(struct chat *c);
void files_free(struct chat *c);

#endif
