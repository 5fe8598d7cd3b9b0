/* command_view.c - see command_view.h. */
#include "command_view.h"

static void view(struct chat *c, enum chat_view what, const char *rest)
{
    if (!c->ops->view || !c->ops->view(c->arg, what, rest))
        chat_error(c, "only the full screen can do that", "start without --plain, in a terminal");
}

void cmd_window(struct chat *c, const char *rest)
{
    if (rest[0])
        view(c, CHAT_VIEW_WINDOW, rest);
    else
        chat_error(c, "which conversation?", "/win NUMBER, or a name");
}

void cmd_close(struct chat *c, const char *rest)
{
    view(c, CHAT_VIEW_CLOSE, rest);
}

void cmd_search(struct chat *c, const char *rest)
{
    if (rest[0])
        view(c, CHAT_VIEW_SEARCH, rest);
    else
        chat_error(c, "search for what?", "/search TEXT");
}

void cmd_editor(struct chat *c, const char *rest)
{
    view(c, CHAT_VIEW_EDITOR, rest);
}

void cmd_bare(struct chat *c, const char *rest)
{
    view(c, CHAT_VIEW_BARE, rest);
}
