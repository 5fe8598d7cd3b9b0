/* command_view.h - the slash commands of the full screen; see command.h. For command.c alone. */
#ifndef FACE_COMMAND_VIEW_H
#define FACE_COMMAND_VIEW_H

#include "chat.h"

void cmd_window(struct chat *c, const char *rest);
void cmd_close(struct chat *c, const char *rest);
void cmd_search(struct chat *c, const char *rest);
void cmd_editor(struct chat *c, const char *rest);
void cmd_bare(struct chat *c, const char *rest);

#endif
