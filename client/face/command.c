/* command.c - see command.h: lines to actions. The rules for slashes are in chat_line(). */
#include "command.h"

#include "admit.h"
#include "command_config.h"
#include "command_files.h"
#include "command_groups.h"
#include "command_view.h"
#include "keys_people.h"
#include "lobby.h"
#include "receipts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { ALIAS_DEPTH = 8 };

/* Copies the first word of *rest and moves past it and the blanks behind. */
static size_t first_word(const char **rest, char *out, size_t cap)
{
    size_t n = strcspn(*rest, " "), keep = n < cap ? n : cap - 1;
    memcpy(out, *rest, keep);
    out[keep] = '\0';
    *rest += n;
    *rest += strspn(*rest, " ");
    return n;
}

bool command_take_name(struct chat *c, const char **rest, char name[NAME_SIZE])
{
    const char *why;
    char what[128];
    size_t n = first_word(rest, name, NAME_SIZE);
    if (name_valid(name, n, &why)) return true;
    if (n == 0)
        snprintf(what, sizeof what, "whom? a name is missing");
    else
        snprintf(what, sizeof what, "not a name: it %s", why);
    chat_error(c, what, "/who lists names");
    return false;
}

static void offline(struct chat *c)
{
    chat_error(c, "not connected", "it is tried again by itself; /reconnect tries at once");
}

static void cmd_msg(struct chat *c, const char *rest)
{
    char name[NAME_SIZE];
    if (rest[0] == '#')
        first_word(&rest, name, sizeof name);
    else if (!command_take_name(c, &rest, name))
        return;
    if (!rest[0]) {
        chat_error(c, "nothing to send", "/msg NAME TEXT; /query NAME talks to them from now on");
        return;
    }
    chat_say(c, name, WIRE_FORM_SAYS, rest);
}

static void cmd_query(struct chat *c, const char *rest)
{
    char name[NAME_SIZE] = "#lobby";
    bool lobby = !rest[0] || strcasecmp(rest, "#lobby") == 0;
    if (!lobby && rest[0] == '#')
        first_word(&rest, name, sizeof name);
    else if (!lobby && !command_take_name(c, &rest, name))
        return;
    memcpy(c->target, name, sizeof name);
    if (!c->screen)
        chat_print(c, "*** you talk to %s now%s", name, lobby ? "" : "; /query alone goes back to #lobby");
    if (!lobby && rest[0]) chat_say(c, name, WIRE_FORM_SAYS, rest);
}

static void cmd_reply(struct chat *c, const char *rest)
{
    if (!c->last_from[0])
        chat_error(c, "nobody has written to you alone yet", "/msg NAME TEXT");
    else
        chat_say(c, c->last_from, WIRE_FORM_SAYS, rest);
}

static void cmd_who(struct chat *c, const char *rest)
{
    (void)rest;
    if (c->ops->list(c->arg) < 0) {
        offline(c);
        return;
    }
    c->listing = true;
    c->asking++;
}

static void cmd_whois(struct chat *c, const char *rest)
{
    char name[NAME_SIZE];
    if (!command_take_name(c, &rest, name)) return;
    if (c->ops->about(c->arg, name) < 0)
        offline(c);
    else
        c->asking++;
}

static void lobby(struct chat *c, uint8_t op)
{
    if (op == WIRE_GROUP_JOIN) memcpy(c->target, "#lobby", 7);
    if (c->ops->group(c->arg, op, "#lobby") < 0)
        offline(c);
    else
        c->asking++;
}

static void cmd_join(struct chat *c, const char *rest)
{
    if (!rest[0] || strcasecmp(rest, "#lobby") == 0)
        lobby(c, WIRE_GROUP_JOIN);
    else
        group_join(c, rest);
}

static void cmd_part(struct chat *c, const char *rest)
{
    const char *room = rest[0] ? rest : group_target(c) ? c->target : "#lobby";
    if (strcasecmp(room, "#lobby") == 0)
        lobby(c, WIRE_GROUP_PART);
    else
        group_leave(c, room);
}

/* In a group its members, else who is connected. */
static void cmd_names(struct chat *c, const char *rest)
{
    const char *room = rest[0] == '#' ? rest : group_target(c) ? c->target : "#lobby";
    if (strcasecmp(room, "#lobby") == 0)
        cmd_who(c, "");
    else
        group_names(c, room);
}

static void cmd_away(struct chat *c, const char *rest)
{
    c->ops->away(c->arg, true, rest);
    chat_print(c, "*** you are away; messages to you are kept as always; /back ends it");
}

static void cmd_back(struct chat *c, const char *rest)
{
    (void)rest;
    c->ops->away(c->arg, false, "");
    chat_print(c, "*** you are back");
}

static void cmd_me(struct chat *c, const char *rest)
{
    chat_say(c, c->target, WIRE_FORM_ACTS, rest);
}

static void cmd_verify(struct chat *c, const char *rest)
{
    char name[NAME_SIZE];
    struct buf lines = {0};
    if (!command_take_name(c, &rest, name)) return;
    enum keys_known known = keys_safety_lines(c->vault, c->me, name, &lines);
    if (known != KEYS_KNOWN) {
        chat_error(c, known == KEYS_STORE ? "the message store failed" : "nothing is known of their keys yet",
                   known == KEYS_STORE ? "" : "they are fetched with the first message to them");
    } else if (strcmp(rest, "yes") == 0) {
        bool done = peers_verify(c->vault, name) > 0;
        chat_print(c, done ? "*** %s is verified from now on" : "error: the keys of %s have changed: /trust first",
                   name);
    } else {
        buf_put_u8(&lines, 0);
        c->ops->print(c->arg, (const char *)buf_head(&lines));
        chat_print(c, "hint: /verify %s yes, when they see the same", name);
    }
    buf_free(&lines);
}

static void cmd_trust(struct chat *c, const char *rest)
{
    char name[NAME_SIZE];
    if (!command_take_name(c, &rest, name)) return;
    int r = c->ops->accept(c->arg, name);
    if (r > 0)
        chat_print(c, "*** the keys that the server shows of %s are believed from now on", name);
    else if (r == 0)
        chat_error(c, "nothing is known of their keys yet", "they are fetched with the first message to them");
}

/* NAME, up to `between` words, and then a #GROUP; or the conversation is with a group. */
static bool about_group(const struct chat *c, const char *rest, int between)
{
    for (int i = 0; i <= between; i++) {
        rest += strcspn(rest, " ");
        rest += strspn(rest, " ");
        if (rest[0] == '#') return strncasecmp(rest, "#lobby", strlen("#lobby")) != 0;
    }
    return group_target(c);
}

static void cmd_kick_any(struct chat *c, const char *rest)
{
    if (about_group(c, rest, 0))
        cmd_kick(c, rest);
    else
        lobby_moderate(c, WIRE_ACT_KICK, rest);
}
static void cmd_ban(struct chat *c, const char *rest)
{
    lobby_moderate(c, WIRE_ACT_BAN, rest);
}
static void cmd_unban(struct chat *c, const char *rest)
{
    lobby_moderate(c, WIRE_ACT_UNBAN, rest);
}
static void cmd_mute_any(struct chat *c, const char *rest)
{
    if (about_group(c, rest, 1))
        cmd_mute(c, rest);
    else
        lobby_moderate(c, WIRE_ACT_MUTE, rest);
}
static void cmd_unmute(struct chat *c, const char *rest)
{
    lobby_moderate(c, WIRE_ACT_UNMUTE, rest);
}
static void cmd_announce(struct chat *c, const char *rest)
{
    lobby_moderate(c, WIRE_ACT_ANNOUNCE, rest);
}
static void cmd_open(struct chat *c, const char *rest)
{
    lobby_moderate(c, WIRE_ACT_OPEN, rest);
}

static void cmd_clear(struct chat *c, const char *rest)
{
    (void)rest;
    c->ops->clear(c->arg);
}

static void cmd_connect(struct chat *c, const char *rest)
{
    (void)rest;
    c->ops->connect(c->arg);
}

static void cmd_disconnect(struct chat *c, const char *rest)
{
    (void)rest;
    c->ops->disconnect(c->arg);
    chat_print(c, "*** disconnected; what you write waits in the outbox; /connect comes back");
}

static void cmd_quit(struct chat *c, const char *rest)
{
    (void)rest;
    c->ops->quit(c->arg);
}

static void show_one(struct chat *c, const struct command *cmd)
{
    chat_print(c, "/%s %s\n  %s%s%s\n  example: %s", cmd->name, cmd->arguments, cmd->help,
               cmd->aliases[0] ? "; also /" : "", cmd->aliases, cmd->example);
}

static void unknown(struct chat *c, const char *word, size_t len);

static void cmd_help(struct chat *c, const char *rest)
{
    rest += rest[0] == '/';
    const struct command *cmd = rest[0] ? command_find(rest, strlen(rest)) : NULL;
    if (cmd) {
        show_one(c, cmd);
        return;
    }
    if (rest[0]) {
        unknown(c, rest, strlen(rest));
        return;
    }
    for (cmd = commands; cmd->name; cmd++) {
        char left[40];
        snprintf(left, sizeof left, "/%s %s", cmd->name, cmd->arguments);
        chat_print(c, "  %-22s %s", left, cmd->help);
    }
    chat_print(c, "  //text sends a line that starts with a slash; tata leaves the lobby");
    chat_print(c, "  /help COMMAND shows an example");
}

const struct command commands[] = {
    {"msg", "m", "NAME TEXT", "send a message to one person or #group", "/msg bob are you there?", cmd_msg},
    {"query", "q", "[NAME]", "talk to one person or #group from now on; alone: to the lobby", "/query bob",
     cmd_query},
    {"r", "", "TEXT", "answer whoever wrote to you alone last", "/r yes, at nine", cmd_reply},
    {"send", "sendfile", "FILE... [NAME]", "send files to a person or #group, or to whom you talk to", "/send notes.pdf bob",
     cmd_send},
    {"get", "", "NUMBER [PATH]", "fetch a file that was offered", "/get 44 ~/Downloads", cmd_get},
    {"files", "", "", "list the files that were offered, fetched and sent", "/files", cmd_files},
    {"decline", "", "NUMBER", "refuse an offered file, or take back your own", "/decline 44", cmd_decline},
    {"who", "w", "", "list who is connected", "/who", cmd_who},
    {"names", "n", "[#GROUP]", "who is in a group; in the lobby the same as /who", "/names #chess", cmd_names},
    {"whois", "wi", "NAME", "about a person", "/whois bob", cmd_whois},
    {"why", "", "[ID]", "what a message of yours waits for; alone: the newest", "/why 12", receipts_why},
    {"join", "j", "[#GROUP]", "come into a group, or the lobby", "/join #chess", cmd_join},
    {"part", "leave", "[#GROUP]", "leave this group for good, or the lobby for now", "/part #chess", cmd_part},
    {"create", "", "#GROUP [open]", "make a group; open: anybody may join", "/create #chess", cmd_create},
    {"invite", "", "NAME [#GROUP]", "let somebody join a group", "/invite bob #chess", cmd_invite},
    {"role", "", "NAME ROLE [#GROUP]", "make somebody member, assistant or owner", "/role bob assistant", cmd_role},
    {"topic", "t", "[#GROUP] TEXT", "say what a group is about", "/topic openings", cmd_topic},
    {"list", "", "", "list your groups, invitations, and open groups", "/list", cmd_list},
    {"away", "", "[WHY]", "say that you are away", "/away lunch", cmd_away},
    {"back", "", "", "say that you are back", "/back", cmd_back},
    {"me", "", "TEXT", "say what you do", "/me waves", cmd_me},
    {"verify", "", "NAME [yes]", "compare safety numbers; yes: they are the same", "/verify bob", cmd_verify},
    {"trust", "", "NAME", "believe somebody's new keys, and send what waits", "/trust bob", cmd_trust},
    {"admit", "", "[CODE|no]", "let a new device of yours in, by the code it shows", "/admit 1234 5678", admit_order},
    {"kick", "k", "NAME [#GROUP] [WHY]", "put somebody out of this group, or of the lobby", "/kick bob calm down, please",
     cmd_kick_any},
    {"ban", "", "NAME [10m] [WHY]", "keep somebody out of the lobby, for a time or until /unban", "/ban bob 2h spam", cmd_ban},
    {"unban", "", "NAME", "let somebody into the lobby again", "/unban bob", cmd_unban},
    {"mute", "", "NAME [10m] [#GROUP] [WHY]", "let somebody read this group, or the lobby, and not write", "/mute bob 10m",
     cmd_mute_any},
    {"unmute", "", "NAME", "let somebody write in the lobby again", "/unmute bob", cmd_unmute},
    {"announce", "", "[10m] [WHY]", "only instructors and assistants write in the lobby", "/announce 30m exam", cmd_announce},
    {"open", "", "", "everybody writes in the lobby again", "/open", cmd_open},
    {"window", "win buffer", "NUMBER|NAME", "go to another conversation on the screen", "/win 3", cmd_window},
    {"close", "wc", "", "close this conversation on the screen; it is not left", "/close", cmd_close},
    {"search", "lastlog", "TEXT", "find a text in this conversation, newest first", "/search select", cmd_search},
    {"editor", "", "", "write a long text with $EDITOR", "/editor", cmd_editor},
    {"bare", "", "", "the lines alone, for copying with the mouse; any key ends it", "/bare", cmd_bare},
    {"set", "", "[KEY [VALUE]]", "show settings, or one with its help, or set one; -default KEY: as it was",
     "/set theme dark", cmd_set},
    {"alias", "", "[WORD [LINE]]", "a word of yours for a line, $1 $* stand for what follows; -WORD takes it away",
     "/alias hug /me hugs $1", cmd_alias},
    {"bind", "", "[KEY [LINE]]", "a key for a line, or for a function of readline; -KEY takes it away; preset irssi: its keys for windows",
     "/bind C-t /who",
     cmd_bind},
    {"hilight", "hl", "[WORD]", "a word that counts as a mention; -WORD takes it away", "/hilight printf", cmd_hilight},
    {"clear", "c", "", "clear the screen", "/clear", cmd_clear},
    {"connect", "reconnect", "", "connect, or try again at once", "/connect", cmd_connect},
    {"disconnect", "", "", "end the connection and stay", "/disconnect", cmd_disconnect},
    {"help", "h", "[COMMAND]", "show this, or more about one command", "/help msg", cmd_help},
    {"quit", "bye exit", "", "end", "/quit", cmd_quit},
    {0},
};

static bool has_word(const char *words, const char *word, size_t len)
{
    while (*words) {
        size_t n = strcspn(words, " ");
        if (n == len && strncasecmp(words, word, len) == 0) return true;
        words += n;
        words += strspn(words, " ");
    }
    return false;
}

const struct command *command_find(const char *word, size_t len)
{
    for (const struct command *cmd = commands; cmd->name; cmd++)
        if (has_word(cmd->name, word, len) || has_word(cmd->aliases, word, len)) return cmd;
    return NULL;
}

static void unknown(struct chat *c, const char *word, size_t len)
{
    struct name_near near;
    char hint[64] = "/help lists the commands";
    name_near_start(&near, word, len);
    for (const struct command *cmd = commands; cmd->name; cmd++)
        name_near_offer(&near, cmd->name, strlen(cmd->name));
    if (near.n) snprintf(hint, sizeof hint, "did you mean /%s?", near.name[0]);
    chat_error(c, "unknown command; nothing was sent", hint);
}

/* An alias is typed in its place. One that leads to itself ends somewhere. */
static bool run_alias(struct chat *c, const char *line, size_t n)
{
    struct buf typed = {0};
    bool found = alias_line(c, line, n, line + n + strspn(line + n, " "), &typed);
    if (found && c->alias_depth == ALIAS_DEPTH)
        chat_error(c, "this alias leads to itself", "/alias lists them");
    else if (found) {
        c->alias_depth++;
        chat_line(c, (const char *)buf_head(&typed));
        c->alias_depth--;
    }
    buf_free(&typed);
    return found;
}

static void run_line(struct chat *c, const char *line)
{
    size_t n = strcspn(line, " ");
    const struct command *cmd = command_find(line, n);
    char rest[4096];
    if (!cmd) {
        if (!run_alias(c, line, n)) unknown(c, line, n);
        return;
    }
    line += n;
    line += strspn(line, " ");
    /* The text itself may be long; only commands with short arguments need the copy. */
    size_t len = strlen(line);
    while (len && line[len - 1] == ' ')
        len--;
    if (len >= sizeof rest || line[len] == '\0') {
        cmd->run(c, line);
        return;
    }
    memcpy(rest, line, len);
    rest[len] = '\0';
    cmd->run(c, rest);
}

/* " /msg bob" is more often a slip of the fingers than a text; the same line again is sent. */
static bool hold_back(struct chat *c, const char *line)
{
    const char *slash = line + strspn(line, " \t");
    if (slash == line || *slash != '/' || !isalpha((unsigned char)slash[1])) return false;
    char word[sizeof c->held];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(slash, " "), slash);
    if (strcmp(word, c->held) == 0) {
        c->held[0] = '\0';
        return false;
    }
    memcpy(c->held, word, sizeof word);
    chat_print(c,
               "held back: did you mean the command %s? type it without the blank in front;\n"
               "  the same line once more sends it as text",
               word);
    return true;
}

void chat_line(struct chat *c, const char *line)
{
    if (hold_back(c, line)) return;
    if (!line[strspn(line, " \t")]) return;
    if (line[0] == '/' && line[1] == '/')
        chat_say(c, c->target, WIRE_FORM_SAYS, line + 1);
    else if (line[0] == '/')
        run_line(c, line + 1);
    else if (strcmp(line, "tata") == 0 && strcasecmp(c->target, "#lobby") == 0)
        lobby(c, WIRE_GROUP_PART);
    else
        chat_say(c, c->target, WIRE_FORM_SAYS, line);
}
